"""The learning rate of every epoch and step, as plain lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Callable

from ddag.settings.choices import ScheduleKind


def constant(base: float, epochs: int) -> list[float]:
    """``base`` throughout."""
    return [base] * epochs


def warmup_decay(
    base: float, epochs: int, *, warmup: int, start_decay: int, end_decay: int
) -> list[float]:
    """Linear warm-up, then ``base``, a tenth of it, a hundredth.

    Args:
        base: the rate after the warm-up.
        epochs: how many rates to give.
        warmup: epochs until base is reached; epoch e below it has ``base * (e + 1) / warmup``.
        start_decay: first epoch at a tenth.
        end_decay: first epoch at a hundredth.

    Source: adjust_learning_rate in train_ddag.py of the authors' release.
    """

    def factor(epoch: int) -> float:
        if epoch < warmup:
            return (epoch + 1) / warmup
        if epoch < start_decay:
            return 1.0
        return 0.1 if epoch < end_decay else 0.01

    return [base * factor(epoch) for epoch in range(epochs)]


def cosine(base: float, epochs: int, *, warmup: int) -> list[float]:
    """Linear warm-up, then half a cosine towards 0, which it would reach the epoch after the last.

    Args:
        base: the rate after the warm-up.
        epochs: how many rates to give.
        warmup: epochs until base is reached; epoch e below it has ``base * (e + 1) / warmup``.
    """

    def factor(epoch: int) -> float:
        if epoch < warmup:
            return (epoch + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup)))

    return [base * factor(epoch) for epoch in range(epochs)]


# Base and number of epochs, and by name the settings of the schedule, to the rates from epoch 0.
RATES: Mapping[ScheduleKind, Callable[..., list[float]]] = {
    ScheduleKind.constant: constant,
    ScheduleKind.warmup_decay: warmup_decay,
    ScheduleKind.cosine: cosine,
}


def step_rates(rates: Sequence[float], steps_per_epoch: int) -> list[float]:
    """The learning rate of each step: each epoch's, ``steps_per_epoch`` times."""
    return [rate for rate in rates for _ in range(steps_per_epoch)]
