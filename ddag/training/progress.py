"""How far a run has come: all that its next step depends on besides weights and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Optional

import numpy as np

from ddag.evaluation.metrics import ScoresByFeature
from ddag.training.step import HEALTH, Losses

# What versions before 2 of the checkpoint called things: the terms were always these.
_OLD_TERMS = ("loss", "loss_id", "loss_triplet", "loss_part", "loss_graph")
_OLD_NAMES = {"carried": "without_graph"}


@dataclass(frozen=True)
class Progress:
    """A point of a run, between two steps."""

    terms: tuple[str, ...]  # names of what a step says: its losses and signs of health
    epoch: int = 0  # epochs that are finished
    step: int = 0  # of the optimiser, over all epochs
    position: int = 0  # batches of the running epoch that are done
    losses: tuple[tuple[Optional[float], ...], ...] = ()  # of their steps, in the order of terms
    overflows: int = 0  # batches of it whose scaled gradients left the range of float16
    dead: Mapping[str, str] = field(default_factory=dict)  # branches, and what is wrong with each
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
        said = {
            name: [value for value in column if value is not None]
            for name, column in zip(self.terms, zip(*self.losses))
        }
        return {name: float(np.mean(column)) for name, column in said.items() if column}

    @property
    def skipped(self) -> int:
        """Batches of the running epoch whose step was not taken, but for the overflows."""
        return self.position - len(self.losses) - self.overflows

    def is_stale(self, patience: int) -> bool:
        """Whether the best epoch lies so many back; never for a ``patience`` of 0."""
        best = self.best_epoch
        return patience > 0 and best is not None and self.epoch - best >= patience

    def after_step(self, losses: Losses) -> Progress:
        """With one step more."""
        row = tuple(losses[name] for name in self.terms)
        return replace(
            self, step=self.step + 1, position=self.position + 1, losses=(*self.losses, row)
        )

    def after_skip(self) -> Progress:
        """With one batch more, but no step."""
        return replace(self, position=self.position + 1)

    def after_overflow(self) -> Progress:
        """With one batch more whose scaled gradients overflowed."""
        return replace(self, position=self.position + 1, overflows=self.overflows + 1)

    def after_epoch(self, carried: Optional[float], dead: Mapping[str, str]) -> Progress:
        """With the running epoch finished, what it leaves to the next and what it found dead."""
        epoch = self.epoch + 1
        begun = replace(self, epoch=epoch, position=0, losses=(), overflows=0)
        return replace(begun, carried=carried, dead=dead)

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any], terms: Sequence[str]) -> Progress:
        """What ``to_plain`` gave, or an earlier version's.

        Args:
            stored: plain values, of the types that ``Description`` sees to.
            terms: of the method, now.

        Raises:
            KeyError: a value is missing.
            ValueError: the values do not belong together, or not to such a method.
        """
        stored = {"dead": {}, "overflows": 0, **stored}  # which earlier versions have not
        values = {each.name: stored[_name(each.name, stored)] for each in fields(cls)[1:]}
        before = list(stored.get("terms", _OLD_TERMS))
        columns = [None if _is_new(term, before) else before.index(term) for term in terms]
        if any(len(row) != len(before) for row in values["losses"]):
            raise ValueError("a step has not as many losses as they have names")
        rows = tuple(
            tuple(None if column is None else row[column] for column in columns)
            for row in values["losses"]
        )
        found = cls(tuple(terms), **{**values, "losses": rows})
        if len(rows) + found.overflows > found.position:
            steps = f"{len(rows)} steps and {found.overflows} overflows"
            raise ValueError(f"{steps} in {found.position} batches")
        if (found.best_epoch or 0) > found.epoch:
            raise ValueError(f"the best epoch of {found.epoch} is {found.best_epoch}")
        if (found.best_epoch is None) != (found.best_score is None):
            raise ValueError("a best epoch without its score, or a score without it")
        return found


def _is_new(term: str, before: Sequence[str]) -> bool:
    """Whether an earlier version did not say it: a sign of health."""
    return term.startswith(HEALTH) and term not in before


def _name(name: str, stored: Mapping[str, Any]) -> str:
    return name if name in stored else _OLD_NAMES.get(name, name)
