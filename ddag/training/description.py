"""What a checkpoint says of itself, taken only as what a run writes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ddag.runs import provenance
from ddag.settings.choices import TITLES
from ddag.settings.history import upgrade

LARGEST = 2**31 - 1  # of what is counted
LONGEST = 1 << 26  # bytes; a hundred thousand steps of an epoch take a tenth of it
_DEEPEST, _MOST, _LONGEST_WORD = 8, 10_000, 10_000  # of settings
_GROUPS = ("dataset", "data", "model")  # that are read back from a checkpoint
_INTEGER = 2**63


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself.

    Attributes:
        settings: all of them, nested plain values.
        identities: how many people its network tells apart.
        epoch: finished epochs.
        step: optimiser steps.
        images: fingerprint of the training images; empty for imported weights.
        progress: of a run, see ``Progress.to_plain``; empty for imported weights.
        source: name of the file that imported weights come from; empty for a run's.
        threads: that the run computed on; 0 where that is not known.
        processor: whose they were, see ``processors.kind``; empty where that is not known.
        environment: see ``provenance.collect``; empty where that is not known.
    """

    settings: dict[str, Any]
    identities: int
    epoch: int
    step: int
    images: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    threads: int = 0
    processor: str = ""
    environment: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: bytes) -> Description:
        """What stands in JSON in a checkpoint; raises ValueError as well as ``from_plain``."""
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} bytes are more than a run says")
        try:
            return cls.from_plain(json.loads(text, object_pairs_hook=_once))
        except RecursionError:
            raise ValueError("nested too deeply") from None

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> Description:
        """What ``asdict`` gave, or an earlier version's.

        Raises:
            KeyError: a value is missing.
            TypeError: a value is of another type, or beyond what there can be.
        """
        _require(isinstance(stored, Mapping), "the whole", stored)
        progress = stored.get("progress", stored)  # once it stood among the other values
        _check_settings(stored["settings"])
        found = cls(
            settings=upgrade(stored["settings"]),
            identities=_count("identities", stored["identities"]),
            epoch=_count("epoch", stored["epoch"]),
            step=_count("step", stored["step"]),
            images=_word("images", stored.get("images", stored.get("pictures", ""))),
            progress=_progress(progress),
            source=_word("source", stored.get("source", "")),
            threads=_count("threads", stored.get("threads", 0)),
            processor=_word("processor", stored.get("processor", "")),
            environment=_environment(stored.get("environment", {})),
        )
        for name in ("epoch", "step"):
            same = found.progress.get(name, stored[name]) == stored[name]
            _require(same, f"progress.{name}", found.progress.get(name))
        return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _check_settings(settings: Any) -> None:
    """Raise TypeError for what settings cannot be, whatever they are checked for later."""
    _require(isinstance(settings, Mapping), "settings", settings)
    for group in _GROUPS:
        found = settings.get(group, {})
        _require(isinstance(found, Mapping), f"settings.{group}", found)
    waiting, seen = [(settings, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        _require(depth <= _DEEPEST and seen <= _MOST, "settings", value)
        if isinstance(value, Mapping):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, str):
            # OmegaConf would fill in what stands in ${}, such as a variable of the environment.
            _require(len(value) <= _LONGEST_WORD and "${" not in value, "settings", value)
        elif isinstance(value, int):
            _require(abs(value) < _INTEGER, "settings", value)
        else:
            _require(value is None or isinstance(value, float), "settings", value)


def _environment(stored: Any) -> dict[str, Any]:
    """Names with words, numbers, truth values or nothing."""
    fits = isinstance(stored, Mapping) and len(stored) <= provenance.MOST
    _require(fits, "environment", stored)
    for key, value in stored.items():
        _word("environment", key)
        if isinstance(value, str):
            _word(f"environment.{key}", value)
        elif not isinstance(value, bool):
            _number(f"environment.{key}", value)
    return dict(stored)


def _progress(stored: Any) -> dict[str, Any]:
    """Checked; which of its values must be there is for who resumes the run to say."""
    _require(isinstance(stored, Mapping), "progress", stored)
    rules: dict[str, Callable[[str, Any], object]] = {
        "epoch": _count, "step": _count, "position": _count, "terms": _terms, "losses": _losses,
        "carried": _number, "without_graph": _number, "best_score": _number,
        "overflows": _count, "best_epoch": _optional_count, "untrained": _scores, "dead": _words,
    }  # fmt: skip
    for name in rules.keys() & stored.keys():
        rules[name](f"progress.{name}", stored[name])
    return dict(stored)


def _count(name: str, value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    _require(whole and 0 <= value <= LARGEST, name, value)
    return int(value)


def _optional_count(name: str, value: Any) -> Optional[int]:
    return None if value is None else _count(name, value)


def _word(name: str, value: Any) -> str:
    _require(isinstance(value, str) and len(value) <= _LONGEST_WORD, name, value)
    return str(value)


def _number(name: str, value: Any) -> None:
    _require(value is None or _is_number(value), name, value)


def _terms(name: str, value: Any) -> None:
    _require(isinstance(value, (list, tuple)), name, value)
    for each in value:
        _word(name, each)
    _require(len(set(value)) == len(value), name, value)


def _losses(name: str, value: Any) -> None:
    _require(isinstance(value, (list, tuple)), name, value)
    for row in value:
        fits = isinstance(row, (list, tuple)) and len(row) == len(value[0])
        _require(fits and all(each is None or _is_number(each) for each in row), name, row)


def _words(name: str, value: Any) -> None:
    _require(isinstance(value, Mapping), name, value)
    for key, word in value.items():
        _word(name, key)
        _word(f"{name}.{key}", word)


def _scores(name: str, value: Any) -> None:
    if value is None:
        return
    _require(isinstance(value, Mapping), name, value)
    for feature, scores in value.items():
        named = re.fullmatch(r"[\w.-]+", feature)
        _require(bool(named) and isinstance(scores, Mapping), name, scores)
        fit = scores.keys() <= TITLES.keys() and all(map(_is_number, scores.values()))
        _require(fit, f"{name}.{feature}", scores)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < _INTEGER and math.isfinite(value)


def _require(holds: bool, name: str, value: Any) -> None:
    if not holds:
        shown = f"{value!r:.40}" if isinstance(value, (str, float, bool)) else type(value).__name__
        if isinstance(value, int) and abs(value) < _INTEGER:
            shown = str(value)
        raise TypeError(f"{name} is {shown}, which no run writes")
