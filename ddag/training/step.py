"""One step: batch -> losses -> gradients -> update."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Optional

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from ddag.data.loader import Batch
from ddag.losses.objective import Objective
from ddag.machine.sharing import ALONE, Share
from ddag.model.exchange import Agreement
from ddag.model.shared_norm import statistics_apart
from ddag.training.accumulating import AccumulatingStep, Parted
from ddag.training.average import Average
from ddag.training.learner import Learner
from ddag.training.scaling import LossScale, OverflowedError
from ddag.training.update import Step, running_statistics

Losses = dict[str, float]  # by ``names``
HEALTH = "health/"  # begins the names of such signs


class NotFiniteError(ArithmeticError):
    """A loss or gradient is infinite or not a number; the step was not taken.

    Attributes:
        losses: of the step, and ``gradient_norm``.
    """

    def __init__(self, losses: Losses) -> None:
        super().__init__("  ".join(f"{name} {value:g}" for name, value in losses.items()))
        self.losses = losses


class Trainer:
    """A learner in training."""

    def __init__(
        self,
        learner: Learner,
        optimizer: nn.Optimizer,
        *,
        seed: int,
        clip: Optional[float] = None,
        average: Optional[Average] = None,
        scale: Optional[LossScale] = None,
        share: Share = ALONE,
        parts: Optional[Parted] = None,
    ) -> None:
        """Take steps of a learner.

        Args:
            learner: to be trained; shared out among the processes if there are several.
            optimizer: of its parameters.
            seed: of what the objective draws.
            clip: see ``Step``.
            average: of the weights, to be kept up; None where there is none.
            scale: of the loss; None where it needs none.
            share: of this process; each takes the same steps.
            parts: in which a batch goes through the backbone; None: as a whole.
        """
        self._learner = learner
        how: Any = {"clip": clip, "scaled": scale is not None, "share": share}
        self._step = (
            Step(learner, optimizer, **how)
            if parts is None
            else AccumulatingStep(learner, optimizer, parts=parts, **how)
        )
        self._average, self._scale = average, scale
        self._statistics = running_statistics(learner)
        apart = statistics_apart(learner.network) if share.count > 1 else []
        self._agree = Agreement(share, apart) if apart else None
        self._seed = seed

    def step(
        self, batch: Batch, *, epoch: int, position: int, scalars: Mapping[str, float]
    ) -> Losses:
        """Take a step; what it says, by its ``names``.

        Args:
            batch: images of both modalities.
            epoch: from 0; with seed and position it decides what the objective draws.
            position: of the step in the epoch, from 0.
            scalars: what the objective is told in this epoch, see ``Method.scalars``.

        Raises:
            NotFiniteError: the losses or their gradients are not finite; weights, optimiser and
                running statistics are as before the step.
            OverflowedError: only the gradients are not, and may be with the scale, now lower; else
                as before. What is not finite in the forward pass is no fault of the scale.
        """
        # The forward pass moves the batch norms' running statistics before the loss is known.
        before = [each.asnumpy().copy() for each in self._statistics]
        self._step.set_train(True)
        inputs = self.inputs(batch, epoch=epoch, position=position, scalars=scalars)
        terms, half_squares = self._step(*self._factor, *inputs)
        if self._agree is not None:
            self._agree()
        norm, *norms = (math.sqrt(2 * float(each.asnumpy())) for each in half_squares)
        losses = dict(zip(names(self._learner.objective), (*flatten(terms), *norms)))
        if not (math.isfinite(losses["loss"]) and math.isfinite(norm)):
            forward = [losses["loss"], *(each.asnumpy() for each in self._statistics)]
            for parameter, value in zip(self._statistics, before):
                parameter.set_data(Tensor(value))
            # Not by the loss alone: ReLU makes 0 of what is not a number.
            whole = all(np.isfinite(each).all() for each in forward)
            if whole and self._scale is not None and self._scale.halve():
                raise OverflowedError
            raise NotFiniteError({**losses, "gradient_norm": norm})
        if self._scale is not None:
            self._scale.count()
        if self._average is not None:
            self._average()
        return losses

    def compile(self, batch: Batch, scalars: Mapping[str, float]) -> None:
        """Compile the step for batches like ``batch``, which the first step would else do.

        What the compiler leaves behind is given back before the step needs its own memory.
        """
        self._step.set_train(True)
        inputs = self.inputs(batch, epoch=0, position=0, scalars=scalars)
        self._step.compile_for(*self._factor, *inputs)

    @property
    def _factor(self) -> tuple[Tensor, ...]:
        """The scale of the loss, where it has one."""
        return () if self._scale is None else (Tensor(self._scale.factor, ms.float32),)

    def inputs(
        self, batch: Batch, *, epoch: int, position: int, scalars: Mapping[str, float]
    ) -> tuple[Tensor, ...]:
        """What ``Learner.construct`` takes; the arguments as of ``step``."""
        told = [Tensor(value, ms.float32) for value in scalars.values()]
        # Chance as a function of seed, epoch and step alone.
        generator = np.random.default_rng([self._seed, epoch, position])
        drawn = self._learner.objective.draw(generator, len(batch.identities))
        return (*map(Tensor, batch), *told, *map(Tensor, drawn))


def names(objective: Objective) -> tuple[str, ...]:
    """What a step says: its losses, then signs of the health of each branch, ``health/...``."""
    gradients = (f"{branch}_gradient" for branch in objective.branches)
    signs = (f"{HEALTH}{name}" for name in (*objective.health, *gradients))
    return (*objective.terms, *signs)


def flatten(terms: Any) -> list[float]:
    """A step's scalars in the order of their names; loss and auxiliary values come nested."""
    whole, *rest = terms
    nested = bool(rest) and isinstance(rest[0], (tuple, list))
    flat = [whole, *(rest[0] if nested else rest)]
    return [float(term.asnumpy()) for term in flat]
