"""The result of a run: what result.json holds, written and read here alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.machine.run_folders import RESULT

if TYPE_CHECKING:  # NumPy: not for every command
    from ddag.evaluation.metrics import ScoresByFeature


@dataclass(frozen=True)
class Result:
    """Scores of a checkpoint in fractions of 1, with all they must be read with.

    Attributes:
        score: the monitored one.
        monitor: its name, such as ``feat_att/rank1``.
        metrics: means over the galleries.
        std: standard deviations over the galleries.
        cmc: Rank-1 to Rank-20 by feature.
        protocol: data set, query and gallery, and how they were ranked.
        epoch: finished epochs of the checkpoint.
        step: optimiser steps behind it.
        checkpoint: its ``path`` and ``sha256``.
        seconds: that the run took.
        untrained: scores before the first step; None where they were not asked for.
    """

    score: float
    monitor: str
    metrics: ScoresByFeature
    std: ScoresByFeature
    cmc: dict[str, list[float]]
    protocol: dict[str, Any]
    epoch: int
    step: int
    checkpoint: dict[str, str]
    seconds: float
    untrained: Optional[ScoresByFeature] = None

    def write(self, folder: Path) -> None:
        """Write ``result.json`` into a run folder.

        Raises:
            InputError: it cannot be written.
        """
        path = folder / RESULT
        plain = {name: value for name, value in asdict(self).items() if value is not None}
        try:
            with replacing(path) as draft:
                draft.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written ({error}); make room or allow it"
            ) from error

    @classmethod
    def read(cls, path: Path) -> Result:
        """What ``write`` wrote.

        Raises:
            InputError: the file cannot be read, or holds something else.
        """
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            result = cls(**{each.name: stored[each.name] for each in fields(cls)[:-1]},
                         untrained=stored.get("untrained"))  # fmt: skip
            _check(result)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: is no result of a run ({error!r}); move it away, or evaluate the run anew"
            ) from error
        return result


def _check(result: Result) -> None:
    """Raise TypeError for a value of another type."""
    for number in (result.score, result.epoch, result.step, result.seconds):
        _require(isinstance(number, (int, float)) and not isinstance(number, bool), number)
    _require(isinstance(result.monitor, str) and "/" in result.monitor, result.monitor)
    for table in (result.metrics, result.std, result.untrained or {}):
        for scores in table.values():
            _require(_are_numbers(list(scores.values())), scores)
    for cmc in result.cmc.values():
        _require(isinstance(cmc, list) and _are_numbers(cmc), cmc)
    for mapping in (result.protocol, result.checkpoint):
        _require(isinstance(mapping, Mapping), mapping)
    feature = result.monitor.partition("/")[0]
    _require(feature in result.metrics and feature in result.cmc, result.monitor)


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _require(holds: bool, value: object) -> None:
    if not holds:
        raise TypeError(f"{value!r:.60} is not what stands there")
