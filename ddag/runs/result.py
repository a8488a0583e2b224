"""The result of a run: what result.json holds, written and read here alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ddag.machine.border import Fields, parse_json, read_text, taking
from ddag.machine.files import write_text
from ddag.machine.run_folders import RESULT
from ddag.machine.words import printable
from ddag.settings.choices import RANKS, TITLES

if TYPE_CHECKING:  # NumPy: not for every command
    from ddag.evaluation.metrics import ScoresByFeature


_LONGEST = 1e12  # seconds of a run
_HIGHEST = 1 + 1e-6  # score: a mean may be rounded up
# Of a protocol, how hard the ranking was; results of earlier versions do not say.
SIZES = ("identities", "queries", "gallery_images", "chance")


@dataclass(frozen=True)
class Result:
    """Scores of a checkpoint in fractions of 1, with all they must be read with.

    Attributes:
        score: the monitored one.
        monitor: its name, such as ``feat_att/rank1``.
        metrics: means over the galleries.
        std: standard deviations over the galleries.
        cmc: Rank-1 to Rank-20 by feature.
        protocol: data set, query and gallery, how they were ranked, and how hard that was, see
            ``Comparison.size``.
        epoch: finished epochs of the checkpoint.
        step: optimiser steps behind it.
        checkpoint: its ``path`` and ``sha256``.
        seconds: that the run took.
        untrained: scores before the first step; None where they were not asked for.
        warnings: what must be known of the network, such as a branch that does not learn.
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
    warnings: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write ``result.json`` into a run folder.

        Raises:
            InputError: it cannot be written.
        """
        plain = {name: value for name, value in asdict(self).items() if value is not None}
        write_text(folder / RESULT, json.dumps(plain, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Result:
        """What ``write`` wrote.

        Raises:
            InputError: the file cannot be read, or holds something else.
        """
        remedy = "move it away, or evaluate the run anew"
        with taking(path, "result of a run", remedy):
            return _result(Fields(parse_json(read_text(path))))


def in_words(protocol: Mapping[str, Any]) -> str:
    """A protocol as a reader wants it, in one line."""
    words = [f"{key} {value}" for key, value in protocol.items() if key not in SIZES]
    for key in SIZES[:3]:
        if key in protocol:
            words.append(f"{protocol[key]} {key.replace('_', ' ')}")
    if isinstance(chance := protocol.get("chance"), (int, float)):
        words.append(f"chance {100 * chance:.2g} %")
    return ", ".join(words)


def _result(found: Fields) -> Result:
    """Raises KeyError or ValueError for what is missing or mistyped."""
    protocol, checkpoint = found.fields("protocol"), found.fields("checkpoint")
    cmc = found.fields("cmc")
    result = Result(
        score=found.number("score", 0, _HIGHEST),
        monitor=found.word("monitor"),
        metrics=_scores(found.fields("metrics")),
        std=_scores(found.fields("std")),
        cmc={printable(name): cmc.numbers(name, 0, _HIGHEST, count=RANKS) for name in cmc.names},
        protocol={printable(name): protocol.scalar(name) for name in protocol.names},
        epoch=found.whole("epoch"),
        step=found.whole("step"),
        checkpoint={name: checkpoint.word(name) for name in ("path", "sha256")},
        seconds=found.number("seconds", 0, _LONGEST),
        untrained=_scores(found.fields("untrained")) if found.has("untrained") else None,
        warnings=tuple(found.words("warnings")) if found.has("warnings") else (),
    )
    for feature, scores in result.metrics.items():
        if not scores.keys() >= TITLES.keys() or feature not in result.cmc:
            raise ValueError(f"metrics.{feature} lacks a score")
    feature, _, score = result.monitor.partition("/")
    if score not in result.metrics.get(feature, {}):
        raise ValueError(f"monitor is {result.monitor}, which metrics do not hold")
    return result


def _scores(found: Fields) -> ScoresByFeature:
    return {
        printable(feature): {name: scores.number(name, 0, _HIGHEST) for name in scores.names}
        for feature in found.names
        for scores in [found.fields(feature)]
    }
