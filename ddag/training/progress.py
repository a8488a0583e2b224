"""How far a training has come: all that its next step depends on besides weights and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Optional

import numpy as np

from ddag.losses.objective import TERMS
from ddag.runs.tracking import Figures
from ddag.training.step import Losses, without_graph


@dataclass(frozen=True)
class Progress:
    """A point of a training, between two steps."""

    epoch: int = 0  # epochs that are finished
    step: int = 0  # of the optimiser, over all epochs
    position: int = 0  # batches of the running epoch that are done
    losses: tuple[tuple[float, ...], ...] = ()  # of their steps, in the order of losses.TERMS
    without_graph: Optional[float] = None  # mean L_P of the last epoch
    best_score: Optional[float] = None
    best_epoch: Optional[int] = None
    untrained: Optional[Figures] = None  # before the first step

    @property
    def means(self) -> Losses:
        """Mean losses of the running epoch so far; at least one step was taken."""
        columns = zip(*self.losses)
        return {name: float(np.mean(column)) for name, column in zip(TERMS, columns)}

    @property
    def skipped(self) -> int:
        """Batches of the running epoch whose step was not taken."""
        return self.position - len(self.losses)

    def after_step(self, losses: Losses) -> Progress:
        """With one step more."""
        row = tuple(losses[name] for name in TERMS)
        return replace(
            self, step=self.step + 1, position=self.position + 1, losses=(*self.losses, row)
        )

    def after_skip(self) -> Progress:
        """With one batch more, but no step."""
        return replace(self, position=self.position + 1)

    def after_epoch(self) -> Progress:
        """With the running epoch finished."""
        mean = without_graph(self.means)
        return replace(self, epoch=self.epoch + 1, position=0, losses=(), without_graph=mean)

    def to_meta(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Progress:
        """What ``to_meta`` gave.

        Raises:
            KeyError: a value is missing.
            TypeError: a value is of another type.
        """
        values = {each.name: meta[each.name] for each in fields(cls)}
        return cls(**{**values, "losses": tuple(tuple(row) for row in values["losses"])})
