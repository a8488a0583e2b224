"""What is said of steps that were not taken because their numbers were not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ddag.training.parts import Parts
from ddag.training.progress import Progress
from ddag.training.scaling import LossScale
from ddag.training.step import NotFiniteError


def describe(error: NotFiniteError, parts: Parts, *, epoch: int, position: int) -> str:
    """Place, losses, learning rate and identities of a batch, in a line.

    Args:
        error: of its step.
        parts: of the run.
        epoch: from 0.
        position: of the batch in the epoch, from 0.
    """
    rows = parts.sampler.epoch(epoch)[0][position]
    identities = sorted(set(parts.train_set.visible.identities[rows].tolist()))
    return (
        f"epoch {epoch + 1}, batch {position + 1} has {error};"
        f" learning rate {parts.rates[epoch]:g}, identities {', '.join(map(str, identities))}"
    )


def files(parts: Parts, *, epoch: int, position: int) -> Iterator[str]:
    """The paths of the images of a batch; the arguments as of ``describe``."""
    sets = (parts.train_set.visible, parts.train_set.infrared)
    for records, rows in zip(sets, parts.sampler.epoch(epoch)):
        yield from records.paths[rows[position]]


def counts(progress: Progress, scale: Optional[LossScale]) -> dict[str, float]:
    """How many there were in the running epoch, and the scale of the loss where there is one."""
    skipped: dict[str, float] = {"train/skipped": progress.skipped}
    if scale is None:
        return skipped
    return {**skipped, "train/overflow": progress.overflows, "train/loss_scale": scale.factor}


def all_skipped(progress: Progress) -> str:
    """That an epoch came to no step, and what would help."""
    every = f"every step of epoch {progress.epoch + 1}"
    if progress.overflows:
        return f"device.precision=fp16: {every} overflowed or was skipped; use fp32, or more steps"
    return f"train.on_nan=skip: {every} was skipped; lower optimizer.lr, or look at the images"
