"""A whole run, with data, logging and progress, against its step alone."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Callable

import numpy as np
import rich

from benchmarks import report
from benchmarks.report import Row
from benchmarks.settings import composed, trainer_of
from ddag.data.loader import Batch
from ddag.machine.interruption import Requests
from ddag.methods.method import Method
from ddag.runs.tracking import Tracker
from ddag.settings.choices import Modality
from ddag.training import parts
from ddag.training.loop import Loop


class Interludes(Tracker):
    """A tracker that has the step alone take its turn after each epoch.

    Attributes:
        whole: seconds of each epoch, from after the turn before it.
        alone: of the step's turns.
    """

    def __init__(self, folder: Path, turn: Callable[[], object]) -> None:
        super().__init__(folder, {})
        self._turn = turn
        self.whole: list[float] = []
        self.alone: list[float] = []
        self._mark = time.perf_counter()

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        super().log(epoch, values)
        start = time.perf_counter()
        self._turn()
        end = time.perf_counter()
        self.whole.append(start - self._mark)
        self.alone.append(end - start)
        self._mark = end


def step_alone(method: Method[Any], identities: int) -> Callable[[int], None]:
    """So many steps on one batch that is at hand."""
    trainer, scalars = trainer_of(method, identities), method.scalars(1.0)
    chosen, data = method.settings.sampler, method.settings.data
    shape = (2, chosen.identities * chosen.images, 3, data.height, data.width)
    images = np.random.default_rng(0).standard_normal(shape, np.float32)
    people = np.repeat(np.arange(chosen.identities, dtype=np.int32), chosen.images)
    batch = Batch.of_views(list(zip(Modality, images)), people)

    def take(steps: int) -> None:
        for position in range(steps):
            trainer.step(batch, epoch=0, position=position, scalars=scalars)

    take(1)
    return take


def measure(identities: int = 150, images: int = 10, epochs: int = 5, *more: str) -> list[Row]:
    """A whole epoch of the default run against its step alone"""
    with TemporaryDirectory() as name:
        method = composed(
            f"dataset.generate.identities={identities}", f"dataset.generate.images={images}",
            f"dataset.root={name}/people", f"train.epochs={epochs}", "train.steps=null",
            "train.eval_every=0", "train.eval_start=false", *more,
        )  # fmt: skip
        settings = method.settings
        parts.configure_device(settings)
        loop = Loop(settings, Path(name) / "run")
        people = identities // 2
        steps = people * images // (settings.sampler.identities * settings.sampler.images)
        take = step_alone(method, people)
        # A bar is drawn on a terminal only.
        rich.reconfigure(force_terminal=True, file=io.StringIO())
        tracker = Interludes(Path(name), lambda: take(steps))
        with tracker:
            loop.train(tracker, Requests())
        rich.reconfigure()
    # The first epoch waits for the compiler, the last one for the evaluation.
    whole, alone = tracker.whole[1:-1], tracker.alone[1:-1]
    share = median(one / other for one, other in zip(alone, whole))
    images = 2 * steps * settings.sampler.identities * settings.sampler.images
    return [
        Row.at_least("images a second, the whole epoch / its step alone", share, 0.97),
        Row(f"an epoch of {steps} steps, and the step", f"{images / median(whole):.3g} and"
            f" {images / median(alone):.3g} images a second"),
    ]  # fmt: skip


if __name__ == "__main__":
    report.run("loop", measure)
