"""What a table says, in sentences: settings beside the baseline, branches beside controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from ddag.runs.report.comparison import differences
from ddag.runs.report.leaderboard import Leaderboard, Table
from ddag.runs.report.runs import Run
from ddag.runs.report.statistics import Difference, words
from ddag.settings.choices import TITLES, Attention, GraphEdges

COMPARED = ("mAP", "rank1")
_BRANCHES = {"model.part": "IWPA", "model.graph": "CGSA"}

Values = tuple[str, ...]


class Control(NamedTuple):
    """A setting that leaves all of a branch but what it is named after.

    Attributes:
        title: of what the branch has beyond it.
        key: of the setting.
        value: that it has.
        branch: the setting that switches the branch on.
    """

    title: str
    key: str
    value: str
    branch: str


CONTROLS = (
    Control(
        "attention over uniform weights", "model.attention", Attention.uniform.value, "model.part"
    ),
    Control(
        "a graph over each image alone", "model.graph_edges", GraphEdges.self.value, "model.graph"
    ),
)
_OFF = ("0", "false", "-")


def answers(board: Leaderboard, table: Table) -> list[str]:
    """What a reader wants to know first: the differences, or why there are none."""
    if said := sentences(board, table, scores=COMPARED[:1]):
        return said
    best, score = table.rows[0], table.rows[0].scores
    scored = ", ".join(f"{TITLES[name]} {score[name].percent()} %" for name in COMPARED[::-1])
    counted = f"{len(best.results)} run{'s' if len(best.results) > 1 else ''}"
    if len(table.rows) == 1:
        return [f"{board.name(best.values)}: {scored} over {counted}"]
    return [
        f"Highest: {board.name(best.values)}, {scored} over {counted}; whether by more than chance"
        " a baseline would tell: report.baseline='KEY=VALUE'"
    ]


def sentences(board: Leaderboard, table: Table, *, scores: Sequence[str] = COMPARED) -> list[str]:
    """What the difference of each setting from its baseline says, by each of the scores."""
    splits = {tuple(run.value(f"dataset.{k}") for k in run.split_keys) for run in board.runs}
    repeated = "runs" if len(splits) > 1 else "seeds"
    found, said = compared(board, table), []
    for name in scores:
        # Settings of which the same is to be said share a sentence.
        alike: dict[str, list[str]] = {}
        for title, each in found[name].items():
            verdict = words(each, score=TITLES[name], repeated=repeated)
            alike.setdefault(verdict, []).append(title)
        said += [f"{_listed(titles)}: {verdict}" for verdict, titles in alike.items()]
    return said


def compared(board: Leaderboard, table: Table) -> dict[str, dict[str, Difference]]:
    """By score and name, each setting beside its baseline, then branches beside their controls."""
    controlled: dict[str, dict[str, Difference]] = {}
    for control in CONTROLS:
        controlled.update(_over_control(control, board.keys, table))
    found = {}
    for name in TITLES:
        of_baseline = table.differences.get(name, {})
        found[name] = {
            _name(board, row.values, table.baseline): of_baseline[row.values]
            for row in table.rows
            if row.values in of_baseline
        }
        found[name].update(
            {title: each[name] for title, each in controlled.items() if name in each}
        )
    return found


def _listed(names: Sequence[str]) -> str:
    """As a sentence names several."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _over_control(
    control: Control, keys: Sequence[str], table: Table
) -> dict[str, dict[str, Difference]]:
    """By what is said and score: settings with the branch beside their like without its heart."""
    runs_of: dict[Values, list[Run]] = {}
    for run in table.runs:
        runs_of.setdefault(tuple(run.value(key) for key in keys), []).append(run)
    # What is compared by the same change is corrected together, as a table is.
    members: dict[tuple[tuple[str, str], ...], dict[Values, None]] = {}
    for treated, bare in permutations(runs_of, 2):
        if _controls(control, keys, treated=runs_of[treated][0], bare=runs_of[bare][0]):
            pairs = zip(keys, treated, bare)
            change = tuple((key, less) for key, more, less in pairs if more != less)
            if dict(change) != dict(table.baseline):
                members.setdefault(change, {}).update(dict.fromkeys((treated, bare)))
    found: dict[str, dict[str, Difference]] = {}
    for change, settings in members.items():
        runs = [run for values in settings for run in runs_of[values]]
        for name, by_values in differences(keys, runs, dict(change)).items():
            for values, each in by_values.items():
                told = " ".join(f"{key}={value}" for key, value in zip(keys, values))
                found.setdefault(f"{control.title} ({told})", {})[name] = each
    return found


def _controls(control: Control, keys: Sequence[str], *, treated: Run, bare: Run) -> bool:
    """Whether the second differs from the first by the control alone, and the branch is on."""
    if treated.value(control.branch) in _OFF or bare.value(control.key) != control.value:
        return False
    named = {"model.part", "model.graph", *keys, *(each.key for each in CONTROLS)} - {"model"}
    differ = {key for key in named if treated.value(key) != bare.value(key)}
    return differ == {control.key}


def _name(board: Leaderboard, values: Values, baseline: Mapping[str, str]) -> str:
    """By what a setting differs from its baseline, and where both stand."""
    pairs = dict(zip(board.keys, values))
    changed = {key: value for key, value in pairs.items() if baseline.get(key, value) != value}
    typed = " ".join(f"{key}={value}" for key, value in changed.items())
    others = " ".join(f"{key}={value}" for key, value in pairs.items() if key not in baseline)
    name = typed
    if changed and changed.keys() <= _BRANCHES.keys():
        name = f"{_listed([_BRANCHES[key] for key in changed])} ({typed})"
    return f"{name} at {others}" if others else name
