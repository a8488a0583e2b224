"""One step: batch -> losses -> gradients -> update; the dynamic weight of the graph loss."""

from __future__ import annotations

import math
from typing import Optional

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ddag.data.loader import Batch
from ddag.losses.objective import TERMS, BatchLoss
from ddag.machine import device
from ddag.model.graph import draw_masks
from ddag.model.network import DDAG

Losses = dict[str, float]  # by name, as in ``losses.TERMS``


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

    def __init__(self, loss: BatchLoss, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.loss = loss  # a sub-cell, so that set_train reaches the network
        # Loss and gradient in one pass: computing them apart would double the step.
        self.value_and_grad = ops.value_and_grad(loss, None, optimizer.parameters, has_aux=True)
        self.half_square = ops.L2Loss()

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Losses as ``BatchLoss.construct``'s, the gradients' half squared norm, gradients."""
        terms, gradients = self.value_and_grad(*inputs)
        half_square = ops.zeros((), ms.float32)
        for gradient in gradients:
            half_square = half_square + self.half_square(gradient)
        return terms, half_square, gradients


class Step(nn.Cell):
    """Forward pass, backward pass and the optimiser's update in one compiled graph."""

    def __init__(self, loss: BatchLoss, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.gradients = Gradients(loss, optimizer)
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
    """A network in training."""

    def __init__(
        self, network: DDAG, loss: BatchLoss, optimizer: nn.Optimizer, *, dropout: float, seed: int
    ) -> None:
        self._network = network
        self._step = Step(loss, optimizer)
        self._statistics = [
            each for each in network.get_parameters() if each.name.rpartition(".")[2] in _MOVING
        ]
        self._dropout, self._seed = dropout, seed

    def step(self, batch: Batch, *, epoch: int, position: int, graph_weight: float) -> Losses:
        """Take a step and give its losses.

        Args:
            batch: images of both modalities.
            epoch: from 0; with seed and position it decides dropout.
            position: of the step in the epoch, from 0.
            graph_weight: w of the total loss.

        Raises:
            NotFiniteError: the losses or their gradients are not finite; weights, optimiser and
                running statistics are as before the step.
        """
        # The forward pass moves the batch norms' running statistics before the loss is known.
        before = [each.asnumpy().copy() for each in self._statistics]
        self._step.set_train(True)
        inputs = self.inputs(batch, epoch=epoch, position=position, graph_weight=graph_weight)
        terms, half_square = self._step(*inputs)
        losses = dict(zip(TERMS, flatten(terms)))
        norm = math.sqrt(2 * float(half_square.asnumpy()))
        if not (math.isfinite(losses["loss"]) and math.isfinite(norm)):
            for parameter, value in zip(self._statistics, before):
                parameter.set_data(Tensor(value))
            raise NotFiniteError({**losses, "gradient_norm": norm})
        return losses

    def compile(self, batch: Batch) -> None:
        """Compile the step for batches like ``batch``, which the first step would else do.

        What the compiler leaves behind is given back before the step needs its own memory.
        """
        self._step.set_train(True)
        device.compile(self._step, *self.inputs(batch, epoch=0, position=0, graph_weight=0))

    def inputs(
        self, batch: Batch, *, epoch: int, position: int, graph_weight: float
    ) -> tuple[Tensor, ...]:
        """What ``BatchLoss.construct`` takes; the arguments as of ``step``."""
        masks = self._masks(epoch, position, nodes=2 * len(batch.identities))
        weight = Tensor(graph_weight, ms.float32)
        return (*map(Tensor, batch), weight, *map(Tensor, masks))

    def _masks(self, epoch: int, step: int, *, nodes: int) -> tuple[np.ndarray, ...]:
        """Dropout as a function of seed, epoch and step alone."""
        if not self._network.has_graph:
            return ()
        first = self._network.graph.first
        return draw_masks(
            np.random.default_rng([self._seed, epoch, step]),
            self._dropout,
            nodes=nodes,
            channels=self._network.backbone.channels,
            heads=first.weight.shape[0],
            hidden=first.features,
        )


_MOVING = ("moving_mean", "moving_variance")


def without_graph(losses: Losses) -> float:
    """L_P: everything but the graph loss."""
    return sum(losses[name] for name in ("loss_id", "loss_triplet", "loss_part"))


def graph_weight(previous: Optional[float]) -> float:
    """The weight w = 1 / (1 + mean L_P of the previous epoch) of the graph loss; 0 in the first.

    The worse the features still are, the less the graph built on them counts.

    Args:
        previous: mean L_P of the previous epoch; None if there is none.

    Source: DDAG, Eq. (11).
    """
    return 0.0 if previous is None else 1 / (1 + previous)


def flatten(terms: tuple[Tensor, ...]) -> list[float]:
    """A step's scalars in the order of ``TERMS``; loss and auxiliary values come nested."""
    total, *rest = terms
    flat = [total, *(rest[0] if isinstance(rest[0], (tuple, list)) else rest)]
    return [float(term.asnumpy()) for term in flat]
