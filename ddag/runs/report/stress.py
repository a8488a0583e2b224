"""Scores against a dial of the synthetic people: for each setting a line, and a band over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain, repeat
from operator import not_

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ddag.machine.words import shortened
from ddag.runs.report.figures import COLOURS, LONGEST, OTHERS, STYLE, as_number, from_zero, svg
from ddag.runs.report.leaderboard import Leaderboard, Table
from ddag.settings.data import Dials

DIALS = tuple(f"dataset.generate.{dial.name}" for dial in fields(Dials))


@dataclass(frozen=True)
class Line:
    """One setting's scores against a dial.

    Attributes:
        setting: what tells it from the other lines.
        scores: of each run, by the position of the dial, which rises.
    """

    setting: str
    scores: dict[float, list[float]]

    @property
    def mean(self) -> float:
        """Over the positions, each of which counts once."""
        return statistics.fmean(map(statistics.fmean, self.scores.values()))


@dataclass(frozen=True)
class Panel:
    """A dial that was turned.

    Attributes:
        dial: its setting.
        shared: other settings, which all its lines have.
        lines: settings that were measured at two of its positions or more, the best first.
    """

    dial: str
    shared: str
    lines: tuple[Line, ...]


def panels(board: Leaderboard, table: Table) -> list[Panel]:
    """Of each dial that was turned while something else stayed as it was."""
    found = [_panel(board, table, dial) for dial in DIALS if dial in board.keys]
    return [panel for panel in found if panel.lines]


def curves(shown: Sequence[Panel], *, score: str) -> str:
    """The panels as one SVG; ``score`` is what was measured."""
    settings = dict.fromkeys(line.setting for panel in shown for line in panel.lines)
    colours = dict(zip(settings, chain(COLOURS, repeat(OTHERS))))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8 * len(shown)), layout="constrained")
        rows = figure.subplots(len(shown), 1, squeeze=False, sharey=True).ravel()
        for axes, panel in zip(rows, shown):
            for line in panel.lines:
                _draw(axes, line, colour=colours[line.setting])
            from_zero(axes)
            axes.set_title(shortened(panel.shared, 2 * LONGEST))
            axes.set_xlabel(panel.dial)
            axes.set_xticks(sorted({place for line in panel.lines for place in line.scores}))
            axes.set_ylabel(score)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        return svg(figure)


def _panel(board: Leaderboard, table: Table, dial: str) -> Panel:
    place = board.keys.index(dial)
    scores: dict[tuple[str, ...], dict[float, list[float]]] = {}
    for row in table.rows:
        position = as_number(row.values[place])
        others = row.values[:place] + row.values[place + 1 :]
        if math.isfinite(position):
            of_position = scores.setdefault(others, {}).setdefault(position, [])
            of_position.extend(result.score for result in row.results)
    turned = {others: by_dial for others, by_dial in scores.items() if len(by_dial) > 1}
    keys = board.keys[:place] + board.keys[place + 1 :]
    alike = [len(set(column)) == 1 for column in zip(*turned)]
    lines = [
        Line(_named(keys, others, map(not_, alike)) or "all runs", dict(sorted(by_dial.items())))
        for others, by_dial in turned.items()
    ]
    shared = _named(keys, next(iter(turned), ()), alike)
    return Panel(dial, shared, tuple(sorted(lines, key=lambda line: -line.mean)))


def _named(keys: Sequence[str], values: Sequence[str], chosen: Iterable[bool]) -> str:
    """The settings among these that are chosen, in one line."""
    return " ".join(f"{k}={v}" for k, v, shown in zip(keys, values, chosen) if shown)


def _draw(axes: Axes, line: Line, *, colour: str) -> None:
    """Means as a line, each run as a point, the span between the runs as a band."""
    places, scores = list(line.scores), line.scores.values()
    axes.fill_between(places, [*map(min, scores)], [*map(max, scores)], color=colour, alpha=0.15)
    label = shortened(line.setting, LONGEST) if colour != OTHERS else None
    means = [*map(statistics.fmean, scores)]
    axes.plot(places, means, color=colour, marker="o", markersize=4, label=label)
    for place, single in line.scores.items():
        axes.scatter([place] * len(single), single, color=colour, s=6, alpha=0.6)
