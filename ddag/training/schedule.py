"""The learning rate of every epoch and step, as plain lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ddag.machine.errors import InputError

# The authors' recipe: warm-up to epoch 10, a tenth from epoch 20, a hundredth from epoch 50.
# Source: adjust_learning_rate in train_ddag.py of the authors' release.
_PAPER = {"warmup": 10, "start_decay": 20, "end_decay": 50}


def epoch_rates(
    kind: str, *, base: float, epochs: int, warmup: int, start_decay: int, end_decay: int
) -> list[float]:
    """The learning rate of each epoch, from epoch 0.

    Args:
        kind: ``warmup_decay``: linear warm-up, then base, a tenth of it from ``start_decay`` on,
            a hundredth from ``end_decay`` on. ``paper``: the same with 10, 20 and 50, whatever
            the three say. ``cosine``: linear warm-up, then half a cosine from base towards 0,
            which it would reach the epoch after the last. ``constant``: base throughout.
        base: the rate after the warm-up.
        epochs: how many rates to give.
        warmup: epochs until base is reached; epoch e below it has ``base * (e + 1) / warmup``.
        start_decay: first epoch at a tenth.
        end_decay: first epoch at a hundredth.

    Raises:
        InputError: no such kind.
    """
    if kind == "constant":
        return [base] * epochs
    if kind == "cosine":
        return [base * _cosine_factor(epoch, epochs, warmup) for epoch in range(epochs)]
    if kind == "paper":
        return [base * _decay_factor(epoch, **_PAPER) for epoch in range(epochs)]
    if kind == "warmup_decay":
        marks = {"warmup": warmup, "start_decay": start_decay, "end_decay": end_decay}
        return [base * _decay_factor(epoch, **marks) for epoch in range(epochs)]
    raise InputError(
        f"schedule.kind={kind}: no such schedule; use warmup_decay, paper, cosine or constant"
    )


def step_rates(rates: Sequence[float], steps_per_epoch: int) -> list[float]:
    """The learning rate of each step: each epoch's, ``steps_per_epoch`` times."""
    return [rate for rate in rates for _ in range(steps_per_epoch)]


def _decay_factor(epoch: int, *, warmup: int, start_decay: int, end_decay: int) -> float:
    if epoch < warmup:
        return (epoch + 1) / warmup
    if epoch < start_decay:
        return 1.0
    return 0.1 if epoch < end_decay else 0.01


def _cosine_factor(epoch: int, epochs: int, warmup: int) -> float:
    if epoch < warmup:
        return (epoch + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup)))
