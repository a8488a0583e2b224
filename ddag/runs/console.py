"""What a run says on the screen: its scores, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import rich
from rich.table import Table

from ddag.evaluation.metrics import ScoresByFeature
from ddag.runs.result import Result
from ddag.settings.choices import TITLES


def epoch_line(number: int, epochs: int, values: Mapping[str, float]) -> str:
    """One line on a finished epoch.

    Args:
        number: of the epoch, from 1.
        epochs: of the run.
        values: its scalars, ``train/...``.
    """
    named = {name.partition("/")[2]: value for name, value in values.items()}
    rate, speed, skipped = (named.pop(name) for name in ("lr", "images_per_second", "skipped"))
    del named["lr_backbone"]
    words = (
        f"{name.replace('loss_', '').replace('_', ' ')} {each:.3f}" for name, each in named.items()
    )
    left_out = f"  {skipped:g} skipped" if skipped else ""
    return (
        f"epoch {number:>2}/{epochs}  {'  '.join(words)}{left_out}"
        f"  lr {rate:.2g}  {speed:.0f} images/s"
    )


def show_result(result: Result) -> None:
    """Print the table of a result, with what its scores must be read with above it."""
    rows = {f"{name}, untrained": scores for name, scores in (result.untrained or {}).items()}
    rows.update(result.metrics)
    protocol = ", ".join(f"{key} {value}" for key, value in result.protocol.items())
    made = f"epoch {result.epoch}, {result.step} steps"
    title = f"{protocol}; {made}, checkpoint {result.checkpoint['sha256'][:12]}"
    show_scores(title, rows, result.std)


def show_scores(title: str, rows: ScoresByFeature, deviation: ScoresByFeature) -> None:
    """Print a table of scores in percent.

    Args:
        title: above the table.
        rows: scores by the name that stands in the first column.
        deviation: over several galleries, of the rows that have one.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("features")
    for heading in TITLES.values():
        table.add_column(heading, justify="right")
    for name, values in rows.items():
        spread = deviation.get(name, {})
        cells = [_percent(value, spread.get(key, 0)) for key, value in values.items()]
        table.add_row(name, *cells)
    rich.get_console().print(table)


def show_next_commands(folder: Path, best: Path) -> None:
    """Print what to type next."""
    _print_commands(
        f"curves    tensorboard --logdir {_from_here(folder)}\n"
        f"figures   python run.py job=visualize checkpoint={_from_here(best)}\n"
        f"evaluate  python run.py job=evaluate checkpoint={_from_here(best)}\n"
        "sweep     python run.py -m model.part=0,3 model.graph=true,false"
    )


def show_resume_command(given: Sequence[str], folder: Path) -> None:
    """Print what to type to resume the run in ``folder``, started with ``given`` overrides."""
    words = [word for word in given if not word.startswith("train.resume=")]
    command = ["python", "run.py", *words, f"train.resume={_from_here(folder)}"]
    _print_commands(f"stopped; to resume  {shlex.join(command)}")


def _print_commands(text: str) -> None:
    """One line each however long, so that they can be copied."""
    rich.get_console().print(text, highlight=False, markup=False, soft_wrap=True)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if here in path.parents else path


def _percent(value: float, deviation: float) -> str:
    return f"{value:.2%} ± {deviation:.2%}" if deviation else f"{value:.2%}"
