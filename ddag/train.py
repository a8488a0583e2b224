"""One epoch: batches -> losses -> steps; the dynamic weight of the graph loss between epochs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ddag.data.loader import Batch
from ddag.losses import TERMS, BatchLoss
from ddag.model.graph import draw_masks
from ddag.model.network import DDAG

Losses = dict[str, float]


class TrainStep(nn.Cell):
    """Forward, backward and update in one compiled graph."""

    def __init__(self, loss: BatchLoss, optimizer: nn.Optimizer) -> None:
        super().__init__(auto_prefix=False)
        self.loss = loss
        self.optimizer = optimizer
        # Loss and gradient in one pass: computing them apart would double the step.
        self.value_and_grad = ops.value_and_grad(loss, None, optimizer.parameters, has_aux=True)

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Take one step; inputs and result as ``BatchLoss.construct``'s."""
        terms, gradients = self.value_and_grad(*inputs)
        self.optimizer(gradients)
        return terms


@dataclass(frozen=True)
class EpochResult:
    """Means over the steps of an epoch."""

    losses: Losses  # by name, as in ``losses.TERMS``
    images_per_second: float

    @property
    def without_graph(self) -> float:
        """L_P: everything but the graph loss."""
        return sum(self.losses[name] for name in ("loss_id", "loss_triplet", "loss_part"))


class Trainer:
    """A network in training."""

    def __init__(
        self, network: DDAG, loss: BatchLoss, optimizer: nn.Optimizer, *, dropout: float, seed: int
    ) -> None:
        self._network = network
        self._step = TrainStep(loss, optimizer)
        self._dropout, self._seed = dropout, seed

    def epoch(
        self,
        number: int,
        batches: Iterable[Batch],
        *,
        graph_weight: float,
        advance: Callable[[Losses], None] = lambda losses: None,
    ) -> EpochResult:
        """Take a step on each batch.

        Args:
            number: of the epoch, from 0; with the seed it decides dropout.
            batches: of the epoch.
            graph_weight: w of the total loss.
            advance: called after each step with its losses.
        """
        self._step.set_train(True)
        weight = Tensor(graph_weight, ms.float32)
        history, images, start = [], 0, time.perf_counter()
        for step, batch in enumerate(batches):
            masks = self._masks(number, step, nodes=2 * len(batch.identities))
            terms = self._step(*(Tensor(array) for array in batch), weight, *map(Tensor, masks))
            losses = dict(zip(TERMS, flatten(terms)))
            history.append(losses)
            images += 2 * len(batch.identities)
            advance(losses)
        seconds = time.perf_counter() - start
        means = {name: float(np.mean([each[name] for each in history])) for name in TERMS}
        return EpochResult(means, images / seconds)

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
