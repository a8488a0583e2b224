"""One step: batch -> losses -> gradients -> update; the dynamic weight of the graph loss."""

from __future__ import annotations

import math
from typing import Optional

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ddag.data.loader import Batch
from ddag.losses import TERMS, BatchLoss
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
    """Forward and backward pass in one compiled graph."""

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


class Update(nn.Cell):
    """The optimiser's step, compiled apart so that it can be left out."""

    def __init__(self, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer

    def construct(self, *gradients: Tensor) -> Tensor:
        """Move the weights; one gradient for each, since a tuple would be compiled in."""
        return self.optimizer(gradients)


class Trainer:
    """A network in training."""

    def __init__(
        self, network: DDAG, loss: BatchLoss, optimizer: nn.Optimizer, *, dropout: float, seed: int
    ) -> None:
        self._network = network
        self._gradients = Gradients(loss, optimizer)
        self._update = Update(optimizer)
        self._statistics = [
            each for each in network.get_parameters() if each.name.rpartition(".")[2] in _MOVING
        ]
        self._dropout, self._seed = dropout, seed

    def step(self, batch: Batch, *, epoch: int, position: int, graph_weight: float) -> Losses:
        """Take a step and give its losses.

        Args:
            batch: pictures of both modalities.
            epoch: from 0; with seed and position it decides dropout.
            position: of the step in the epoch, from 0.
            graph_weight: w of the total loss.

        Raises:
            NotFiniteError: the losses or their gradients are not finite; weights, optimiser and
                running statistics are as before the step.
        """
        self._gradients.set_train(True)
        masks = self.masks(epoch, position, nodes=2 * len(batch.identities))
        weight = Tensor(graph_weight, ms.float32)
        # The forward pass moves the batch norms' running statistics before the loss is known.
        before = [each.asnumpy().copy() for each in self._statistics]
        terms, half_square, gradients = self._gradients(
            *(Tensor(array) for array in batch), weight, *map(Tensor, masks)
        )
        losses = dict(zip(TERMS, flatten(terms)))
        norm = math.sqrt(2 * float(half_square.asnumpy()))
        if not all(map(math.isfinite, [*losses.values(), norm])):
            for parameter, value in zip(self._statistics, before):
                parameter.set_data(Tensor(value))
            raise NotFiniteError({**losses, "gradient_norm": norm})
        self._update(*gradients)
        return losses

    def masks(self, epoch: int, step: int, *, nodes: int) -> tuple[np.ndarray, ...]:
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
