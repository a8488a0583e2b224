"""How far a run has come: all that its next step depends on besides weights and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Optional

import numpy as np

from ddag.evaluation.metrics import ScoresByFeature
from ddag.training.step import Losses

# What versions before 2 of the checkpoint called things: the terms were always these.
_OLD_TERMS = ("loss", "loss_id", "loss_triplet", "loss_part", "loss_graph")
_OLD_NAMES = {"carried": "without_graph"}


@dataclass(frozen=True)
class Progress:
    """A point of a run, between two steps."""

    terms: tuple[str, ...]  # names of the losses of a step
    epoch: int = 0  # epochs that are finished
    step: int = 0  # of the optimiser, over all epochs
    position: int = 0  # batches of the running epoch that are done
    losses: tuple[tuple[float, ...], ...] = ()  # of their steps, in the order of terms
    carried: Optional[float] = None  # what the last epoch left, see Method.carry
    best_score: Optional[float] = None
    best_epoch: Optional[int] = None
    untrained: Optional[ScoresByFeature] = None  # before the first step

    @property
    def begun(self) -> bool:
        """Whether anything has been done yet."""
        return self != Progress(self.terms)

    @property
    def means(self) -> Losses:
        """Mean losses of the running epoch so far; at least one step was taken."""
        columns = zip(*self.losses)
        return {name: float(np.mean(column)) for name, column in zip(self.terms, columns)}

    @property
    def skipped(self) -> int:
        """Batches of the running epoch whose step was not taken."""
        return self.position - len(self.losses)

    def after_step(self, losses: Losses) -> Progress:
        """With one step more."""
        row = tuple(losses[name] for name in self.terms)
        return replace(
            self, step=self.step + 1, position=self.position + 1, losses=(*self.losses, row)
        )

    def after_skip(self) -> Progress:
        """With one batch more, but no step."""
        return replace(self, position=self.position + 1)

    def after_epoch(self, carried: Optional[float]) -> Progress:
        """With the running epoch finished, and what it leaves to the next."""
        return replace(self, epoch=self.epoch + 1, position=0, losses=(), carried=carried)

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any], terms: Sequence[str]) -> Progress:
        """What ``to_plain`` gave, or an earlier version's.

        Args:
            stored: plain values.
            terms: of the method, now.

        Raises:
            KeyError: a value is missing.
            TypeError: a value is of another type.
        """
        values = {each.name: stored[_name(each.name, stored)] for each in fields(cls)[1:]}
        before = list(stored.get("terms", _OLD_TERMS))
        columns = [before.index(term) for term in terms]
        rows = tuple(tuple(row[column] for column in columns) for row in values["losses"])
        return cls(tuple(terms), **{**values, "losses": rows})


def _name(name: str, stored: Mapping[str, Any]) -> str:
    return name if name in stored else _OLD_NAMES.get(name, name)
