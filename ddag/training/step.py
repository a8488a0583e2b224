"""One step: batch -> losses -> gradients -> update."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ddag.data.loader import Batch
from ddag.machine import device
from ddag.training.learner import Learner

Losses = dict[str, float]  # by name, as in ``Objective.terms``
_MOVING = ("moving_mean", "moving_variance")


class NotFiniteError(ArithmeticError):
    """A loss or gradient is infinite or not a number; the step was not taken.

    Attributes:
        losses: of the step, and ``gradient_norm``.
    """

    def __init__(self, losses: Losses) -> None:
        super().__init__("  ".join(f"{name} {value:g}" for name, value in losses.items()))
        self.losses = losses


class Gradients(nn.Cell):
    """Forward and backward pass."""

    def __init__(self, learner: Learner, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.learner = learner  # a sub-cell, so that set_train reaches the network
        # Loss and gradient in one pass: computing them apart would double the step.
        self.value_and_grad = ops.value_and_grad(learner, None, optimizer.parameters, has_aux=True)
        self.half_square = ops.L2Loss()

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Losses as ``Learner.construct``'s, the gradients' half squared norm, gradients."""
        terms, gradients = self.value_and_grad(*inputs)
        half_square = ops.zeros((), ms.float32)
        for gradient in gradients:
            half_square = half_square + self.half_square(gradient)
        return terms, half_square, gradients


class Step(nn.Cell):
    """Forward pass, backward pass and the optimiser's update in one compiled graph."""

    def __init__(self, learner: Learner, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.gradients = Gradients(learner, optimizer)
        self.optimizer = optimizer

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Losses and half squared norm as of ``Gradients``.

        The weights move only where the total loss and that norm are finite.
        """
        terms, half_square, gradients = self.gradients(*inputs)
        if ops.logical_and(ops.isfinite(terms[0]), ops.isfinite(half_square)):
            self.optimizer(gradients)
        return terms, half_square


class Trainer:
    """A learner in training."""

    def __init__(self, learner: Learner, optimizer: nn.Optimizer, *, seed: int) -> None:
        self._learner = learner
        self._step = Step(learner, optimizer)
        self._statistics = [
            each for each in learner.get_parameters() if each.name.rpartition(".")[2] in _MOVING
        ]
        self._seed = seed

    def step(
        self, batch: Batch, *, epoch: int, position: int, scalars: Mapping[str, float]
    ) -> Losses:
        """Take a step and give its losses.

        Args:
            batch: images of both modalities.
            epoch: from 0; with seed and position it decides what the objective draws.
            position: of the step in the epoch, from 0.
            scalars: what the objective is told in this epoch, see ``Method.scalars``.

        Raises:
            NotFiniteError: the losses or their gradients are not finite; weights, optimiser and
                running statistics are as before the step.
        """
        # The forward pass moves the batch norms' running statistics before the loss is known.
        before = [each.asnumpy().copy() for each in self._statistics]
        self._step.set_train(True)
        inputs = self.inputs(batch, epoch=epoch, position=position, scalars=scalars)
        terms, half_square = self._step(*inputs)
        losses = dict(zip(self._learner.objective.terms, flatten(terms)))
        norm = math.sqrt(2 * float(half_square.asnumpy()))
        if not (math.isfinite(losses["loss"]) and math.isfinite(norm)):
            for parameter, value in zip(self._statistics, before):
                parameter.set_data(Tensor(value))
            raise NotFiniteError({**losses, "gradient_norm": norm})
        return losses

    def compile(self, batch: Batch, scalars: Mapping[str, float]) -> None:
        """Compile the step for batches like ``batch``, which the first step would else do.

        What the compiler leaves behind is given back before the step needs its own memory.
        """
        self._step.set_train(True)
        device.compile(self._step, *self.inputs(batch, epoch=0, position=0, scalars=scalars))

    def inputs(
        self, batch: Batch, *, epoch: int, position: int, scalars: Mapping[str, float]
    ) -> tuple[Tensor, ...]:
        """What ``Learner.construct`` takes; the arguments as of ``step``."""
        told = [Tensor(value, ms.float32) for value in scalars.values()]
        # Chance as a function of seed, epoch and step alone.
        generator = np.random.default_rng([self._seed, epoch, position])
        drawn = self._learner.objective.draw(generator, len(batch.identities))
        return (*map(Tensor, batch), *told, *map(Tensor, drawn))


def flatten(terms: Any) -> list[float]:
    """A step's scalars in the order of their names; loss and auxiliary values come nested."""
    total, *rest = terms
    nested = bool(rest) and isinstance(rest[0], (tuple, list))
    flat = [total, *(rest[0] if nested else rest)]
    return [float(term.asnumpy()) for term in flat]
