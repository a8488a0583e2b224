"""The job profile: where the time of a training step goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import mindspore as ms
from mindspore import Tensor, nn
from rich.table import Table

from ddag.data.loader import Batch
from ddag.machine import environment
from ddag.machine.bar import bar
from ddag.machine.screen import show_table
from ddag.runs.tracking import Tracker
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.parts import Parts
from ddag.training.step import flatten
from ddag.training.update import Gradients

STEPS = 5  # timed, after one that does not count
CARRIED = 1.0  # a mean loss of an epoch before, so that no branch is switched off
PHASES = ("data", "host to device", "forward", "backward", "optimiser", "logging")

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Print the share of each phase of a step; leave MindSpore's own profile in ``folder``.

    Args:
        settings: of a run.
        folder: the run folder.
        given: not used.

    Raises:
        InputError: settings or data set do not work.
    """
    parts.configure_device(settings)
    # The optimiser has a rate for each step of a run, and knows none beyond.
    train = replace(settings.train, epochs=max(settings.train.epochs, STEPS + 2))
    built = parts.build(replace(settings, train=train))
    step = _Step(built)
    batches = built.loader.epoch(0, batches=min(STEPS + 1, built.sampler.batches))
    with Tracker(folder, {}) as tracker:
        rows = list(step.times(batches, tracker))
    # The first step waits for the compiler; where the set has one batch it is all there is.
    timed = rows[1:] or rows
    _show({name: median(row[name] for row in timed) for name in PHASES})
    _write_profile(step.again, folder / "mindspore_profile")
    return 0.0


class _Update(nn.Cell):
    """The optimiser's share of a step by itself."""

    def __init__(self, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer

    def construct(self, *gradients: Tensor) -> Tensor:
        """Move the weights; one gradient for each, since a tuple would be compiled in."""
        return self.optimizer(gradients)


class _Step:
    """A training step in its parts; each waits for its result, so that times can be told apart."""

    def __init__(self, built: Parts) -> None:
        self._built = built
        self._gradients = Gradients(built.learner, built.optimizer)
        self._update = _Update(built.optimizer)
        self._gradients.set_train(True)
        self._inputs: tuple[Tensor, ...] = ()

    def times(self, batches: Iterator[Batch], tracker: Tracker) -> Iterator[Mapping[str, float]]:
        """Seconds of each phase, a step at a time."""
        with bar("profiling", STEPS + 1) as advance:
            marks = [time.perf_counter()]
            for number, batch in enumerate(batches, 1):
                marks.append(time.perf_counter())
                self._load(batch)
                marks.append(time.perf_counter())
                self._built.learner(*self._inputs)[0].asnumpy()
                marks.append(time.perf_counter())
                terms, gradients = self._differentiate()
                marks.append(time.perf_counter())
                self._move(gradients)
                marks.append(time.perf_counter())
                losses = dict(zip(self._built.learner.objective.terms, flatten(terms)))
                tracker.log(number, {f"train/{name}": value for name, value in losses.items()})
                advance(note=f"loss {losses['loss']:.3f}")
                marks.append(time.perf_counter())
                seconds = [after - before for before, after in zip(marks, marks[1:])]
                seconds[3] = max(0.0, seconds[3] - seconds[2])  # both passes without the first
                yield dict(zip(PHASES, seconds))
                marks = [time.perf_counter()]

    def again(self) -> None:
        """The last step once more, as a run does it."""
        self._move(self._differentiate()[1])

    def _load(self, batch: Batch) -> None:
        scalars = self._built.method.scalars(CARRIED)
        self._inputs = self._built.trainer.inputs(batch, epoch=0, position=0, scalars=scalars)

    def _differentiate(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        terms, gradients = self._gradients(*self._inputs)
        gradients[0].asnumpy()
        return terms, gradients

    def _move(self, gradients: tuple[Tensor, ...]) -> None:
        self._update(*gradients)
        self._built.optimizer.parameters[-1].asnumpy()


def _show(seconds: Mapping[str, float]) -> None:
    total = sum(seconds.values())
    table = Table()
    table.add_column("phase")
    table.add_column("ms", justify="right")
    table.add_column("share", justify="right")
    for name, value in seconds.items():
        table.add_row(name, f"{value * 1000:.1f}", f"{value / total:.1%}")
    show_table(f"A training step, {total * 1000:.0f} ms", table)


def _write_profile(step: Callable[[], None], folder: Path) -> None:
    """MindSpore's own times, operator by operator, where it can take them."""
    try:
        with (
            environment.quiet()
        ):  # MindSpore 1.10 has none but this, which later ones advise against
            profiler = ms.Profiler(output_path=str(folder), start_profile=False)
        profiler.start()
        step()
        profiler.stop()
        profiler.analyse()
    except (RuntimeError, ValueError) as error:
        log.info("No profile by MindSpore: %s", str(error).strip().splitlines()[0])
        return
    log.info("MindSpore's profile: %s", folder)
