"""Which results may stand in one table: those of the same rules, and of galleries of one size."""

from __future__ import annotations

from collections.abc import Sequence

from ddag.runs.report.runs import Run
from ddag.runs.result import SIZES, in_words

_COUNTED = SIZES[:3]  # chance follows from these and from the rules


def by_protocol(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """The finished runs by the protocol that they were measured by, in words; splits repeat one."""
    by_rules: dict[str, list[Run]] = {}
    for run in runs:
        if run.result:
            by_rules.setdefault(in_words(_rules(run)), []).append(run)
    return [
        (in_words({**_rules(group[0]), **_sizes(group[0])}), group)
        for alike in by_rules.values()
        for group in _by_size(alike)
    ]


def _by_size(runs: Sequence[Run]) -> list[list[Run]]:
    """By how much there was to rank, unless that is a matter of the split alone.

    Splits of one data set may differ in size and are still repetitions: their runs have a mean. A
    split that was measured at two sizes has two meanings.
    """
    of_split: dict[object, set[object]] = {}
    by_size: dict[object, list[Run]] = {}
    for run in runs:
        size = tuple(_sizes(run).get(key) for key in _COUNTED)
        split = tuple(run.value(f"dataset.{key}") for key in run.split_keys)
        of_split.setdefault(split, set()).add(size)
        by_size.setdefault(size, []).append(run)
    return list(by_size.values()) if max(map(len, of_split.values())) > 1 else [list(runs)]


def _rules(run: Run) -> dict[str, object]:
    said = run.result.protocol if run.result else {}
    return {key: said[key] for key in said if key not in (*SIZES, *run.split_keys)}


def _sizes(run: Run) -> dict[str, object]:
    said = run.result.protocol if run.result else {}
    return {key: said[key] for key in SIZES if key in said}
