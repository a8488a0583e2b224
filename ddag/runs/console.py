"""What a run says on the screen: its scores, and what to type next."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from rich.table import Table

from ddag.evaluation.metrics import Scores, ScoresByFeature, summary
from ddag.machine import environment, processors
from ddag.machine.screen import plain, show_line, show_table
from ddag.machine.words import counted, duration
from ddag.runs.result import Result, in_words
from ddag.runs.saved_words import RESUME_RUN, is_retyped
from ddag.settings.choices import TITLES, Target
from ddag.settings.commands import command, override
from ddag.settings.jobs import InspectConfig
from ddag.settings.settings import DeviceConfig, Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochLine:
    """What is said of a finished epoch, in one line.

    Attributes:
        number: of the epoch, from 1.
        epochs: of the run.
        values: its scalars, ``train/...``.
        scores: of its evaluation by feature, the method's main one last; none without one.
        left: seconds to the end of the run; None where that is not known.
    """

    number: int
    epochs: int
    values: Mapping[str, float]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    left: Optional[float] = None

    @property
    def full(self) -> str:
        """Every loss and score, as run.log has it."""
        named = {
            name.partition("/")[2]: value
            for name, value in self.values.items()
            if name.startswith("train/") and not name.startswith("train/health/")
        }
        rate, speed, skipped = (named.pop(name) for name in ("lr", "images_per_second", "skipped"))
        del named["lr_backbone"]
        overflow, _ = named.pop("overflow", 0), named.pop("loss_scale", None)
        words = (
            f"{name.replace('loss_', '').replace('_', ' ')} {each:.3f}"
            for name, each in named.items()
        )
        left_out = [f"{skipped:g} skipped"] if skipped else []
        left_out += [f"{overflow:g} overflowed"] if overflow else []
        about = [*left_out, f"lr {rate:.2g}", f"{speed:.0f} images/s"]
        scores = [summary(self.scores)] if self.scores else []
        return "  ".join([self._begins, *words, *about, *scores, *self._ends])

    @property
    def short(self) -> str:
        """The loss and the main feature's scores: 80 columns hold it."""
        words = [self._begins, f"loss {self.values['train/loss']:.3f}"]
        words += [each.main for each in list(self.scores.values())[-1:]]
        skipped = self.values["train/skipped"]
        speed = f"{self.values['train/images_per_second']:.0f} images/s"
        return "  ".join([*words, f"{skipped:g} skipped" if skipped else speed, *self._ends])

    @property
    def _begins(self) -> str:
        return f"epoch {self.number:>2}/{self.epochs}"

    @property
    def _ends(self) -> list[str]:
        return [f"{duration(self.left)} left"] if self.left else []


def announce(settings: Settings, folder: Path) -> None:
    """Say what will run, on what, and into which folder; needs no MindSpore."""
    job, told = settings.job, settings.job.name
    if job.on_checkpoint:
        told += f" {settings.checkpoint}"
    elif job.name == "train":
        told += f" {settings.model.name} on {settings.dataset.name}"
        told += f", {counted(settings.train.epochs, 'epoch')}, seed {settings.seed}"
    elif isinstance(job, InspectConfig):
        told += f" {settings.dataset.name}"
    log.info("job       %s", told)
    if job.computes:
        log.info("device    %s", _device(settings.device))
    log.info("folder    %s", _from_here(folder))


def _device(chosen: DeviceConfig) -> str:
    threads = f"{counted(processors.count(), 'thread')} of {processors.kind()}"
    device = "" if chosen.target is Target.CPU else f" {chosen.id}"
    shared = f", {chosen.workers} processes" if chosen.workers > 1 else ""
    version = environment.mindspore_version()
    return f"{chosen.target.value}{device}{shared}, {threads}, MindSpore {version}"


def show_result(result: Result) -> None:
    """Print the table of a result, with what its scores must be read with above it."""
    rows = {f"{name}, untrained": scores for name, scores in (result.untrained or {}).items()}
    rows.update(result.metrics)
    made = f"epoch {result.epoch}, {result.step} steps"
    title = f"{in_words(result.protocol)}; {made}, checkpoint {result.checkpoint['sha256'][:12]}"
    show_scores(title, rows, result.std)
    for warning in result.warnings:
        warned = plain(warning)
        warned.stylize("yellow")
        show_line(warned)


def show_scores(title: str, rows: ScoresByFeature, deviation: ScoresByFeature) -> None:
    """Print a table of scores in percent.

    Args:
        title: above the table.
        rows: scores by the name that stands in the first column.
        deviation: over several galleries, of the rows that have one.
    """
    table = Table()
    table.add_column("features")
    for heading in TITLES.values():
        table.add_column(heading, justify="right")
    for name, values in rows.items():
        spread = deviation.get(name, {})
        cells = [_percent(value, spread.get(key, 0)) for key, value in values.items()]
        table.add_row(plain(name), *cells)
    show_table(title, table)


def show_next_commands(folder: Path, best: Path, *, board: bool) -> None:
    """Print what to type next; ``board``: whether TensorBoard finds something in the folder."""
    trained = override("checkpoint", _from_here(best))
    curves = f"curves    tensorboard --logdir {shlex.quote(str(_from_here(folder)))}"
    for line in (
        *([curves] if board else []),
        f"figures   {command('job=visualize', trained)}",
        f"evaluate  {command('job=evaluate', trained)}",
        f"sweep     {command('-m', 'model.part=0,3', 'model.graph=true,false')}",
    ):
        show_line(plain(line))


def show_resume_command(given: Sequence[str], folder: Path) -> None:
    """Print what to type to resume the run in ``folder``, started with ``given`` overrides."""
    resume = override(RESUME_RUN, _from_here(folder))
    retyped = [word for word in given if is_retyped(word)]
    show_line(plain(f"stopped; to resume  {command(resume, *retyped)}"))


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if here in path.parents else path


def _percent(value: float, deviation: float) -> str:
    return f"{value:.2%} ± {deviation:.2%}" if deviation else f"{value:.2%}"
