"""The settings of a table beside a baseline: which one, and what the differences say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Optional

from ddag.runs.report.runs import Run, as_typed
from ddag.runs.report.statistics import Difference, Measurement, compare_all
from ddag.settings.choices import TITLES

Values = tuple[str, ...]
# What leaves a branch out, and the method that has none.
_OFF = {"model.part": "0", "model.graph": "false"}
_PLAIN = "baseline"


def read_baseline(words: Optional[str]) -> dict[str, str]:
    """Of settings as they are typed, each with its value as that of a run is given."""
    pairs = (word.partition("=") for word in (words or "").split())
    return {key: _value(value) for key, _, value in pairs}


def find_baseline(keys: Sequence[str], runs: Sequence[Run]) -> dict[str, str]:
    """What makes a setting the one with all branches off, of the keys in which runs differ.

    Empty where these keys have nothing to do with branches.
    """
    for run in runs:
        if "model" in keys and run.value("model") == _PLAIN:
            return {key: run.value(key) for key in keys if key.partition(".")[0] == "model"}
    return {key: off for key, off in _OFF.items() if key in keys}


def differences(
    keys: Sequence[str], runs: Sequence[Run], baseline: Mapping[str, str]
) -> dict[str, dict[Values, Difference]]:
    """By score and values of the keys, how a setting differs from its like in the baseline.

    Args:
        keys: settings in which the runs differ.
        runs: finished ones that were measured by one protocol.
        baseline: values of some keys.
    """
    compared = {key: value for key, value in baseline.items() if key in keys}
    found = {}
    for name in TITLES:
        measured = [each for run in runs if (each := _measurement(keys, run, name))]
        of_score = compare_all(measured, compared)
        found[name] = {tuple(v for _, v in setting): each for setting, each in of_score.items()}
    return found


def _measurement(keys: Sequence[str], run: Run, name: str) -> Optional[Measurement]:
    if run.result is None:
        return None
    split = [run.value(f"dataset.{key}") for key in run.split_keys]
    setting = tuple((key, run.value(key)) for key in keys)
    main = run.monitor.partition("/")[0]
    score = run.result.metrics[main][name]
    return Measurement(setting, (run.value("seed"), *split), score)


def _value(word: str) -> str:
    try:
        return as_typed(json.loads(word.lower()))
    except ValueError:  # a word
        return word
