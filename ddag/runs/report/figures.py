"""Curves and effects of many runs, drawn as SVG."""

from __future__ import annotations

import io
import math
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ddag.runs.report.leaderboard import Leaderboard, Table
from ddag.runs.report.runs import Run
from ddag.settings.choices import TITLES

# Of the best settings (Okabe and Ito's, which colour-blind readers tell apart), and of the others.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5fc5", "#444444")
OTHERS = "#c8c8c8"
MANY = 8  # more values of a number than this are drawn along a scale
STYLE: dict[Any, object] = {
    "text.parse_math": False,  # a $ in a setting is a $
    "svg.hashsalt": "ddag",  # the same runs give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.frameon": False,
}


def learning_curves(board: Leaderboard) -> str:
    """Training loss and monitored score by epoch, a line for each run."""
    colours = _colours(board)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        loss, score = figure.subplots(1, 2)
        for run in board.runs:
            colour = colours.get(board.values(run), OTHERS)
            _draw_history(loss, run, "train/loss", colour=colour)
            _draw_history(score, run, f"eval/{run.monitor}", colour=colour)
        loss.set_title("training loss")
        score.set_title(_title(board))
        score.yaxis.set_major_formatter(PercentFormatter(1))
        for axes in (loss, score):
            axes.set_xlabel("finished epochs")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _add_legend(figure, board)
        return _svg(figure)


def cmc_curves(board: Leaderboard, table: Table) -> str:
    """Share of queries with a positive among the first r, a line for each setting of a table."""
    colours = _colours(board)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        axes = figure.subplots()
        for row in reversed(table.rows):  # the best on top
            cmc = np.mean([result.cmc[row.main] for result in row.results], axis=0)
            ranks = np.arange(1, len(cmc) + 1)
            axes.plot(ranks, cmc, color=colours[row.values], marker="o", markersize=3)
        axes.set_xlabel("rank r")
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        _add_legend(figure, board)
        return _svg(figure)


def effects(board: Leaderboard, table: Table) -> str:
    """The monitored score over the values of each key, whatever the others are."""
    columns = min(3, len(board.keys))
    lines = math.ceil(len(board.keys) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3 * columns, 2.8 * lines), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
        for axes in panels[len(board.keys) :]:
            axes.set_axis_off()
        for number, (axes, key) in enumerate(zip(panels, board.keys)):
            _draw_effect(axes, _scores_by_value(table, number))
            axes.set_xlabel(key)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        panels[0].set_ylabel(_title(board))
        return _svg(figure)


def _draw_history(axes: Axes, run: Run, name: str, *, colour: str) -> None:
    lines = [line for line in run.history if name in line]
    epochs, values = [line["epoch"] for line in lines], [line[name] for line in lines]
    axes.plot(epochs, values, color=colour, linewidth=1.2, marker="o", markersize=2.5, alpha=0.8)


def _scores_by_value(table: Table, number: int) -> dict[str, list[float]]:
    """Scores of single runs by their value of the key with this number."""
    scores: dict[str, list[float]] = {}
    for row in table.rows:
        values = [result.score for result in row.results]
        scores.setdefault(row.values[number], []).extend(values)
    return scores


def _draw_effect(axes: Axes, scores: dict[str, list[float]]) -> None:
    """A grey point for each run; mean and deviation of each value, unless they form a scale."""
    names = sorted(scores, key=lambda name: (_number(name), name))
    places = [_number(name) for name in names]
    if len(names) > MANY and math.isfinite(places[-1]):
        if places[0] > 0 and places[-1] / places[0] > 20:
            axes.set_xscale("log")
        for place, name in zip(places, names):
            axes.scatter([place] * len(scores[name]), scores[name], color=COLOURS[0], s=14)
        return
    for place, name in enumerate(names):
        values = scores[name]
        std = np.std(values, ddof=1) if len(values) > 1 else 0
        axes.scatter([place - 0.12] * len(values), values, color="#999999", s=12)
        axes.errorbar(place, np.mean(values), std, color=COLOURS[0], marker="o", capsize=4)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)


def _number(value: str) -> float:
    """What a value stands at on a scale; words stand at its end."""
    try:
        return float(value)
    except ValueError:
        return math.inf


def _title(board: Leaderboard) -> str:
    """Of the score that the runs are judged by, if it is one."""
    names = {run.monitor.partition("/")[2] for run in board.runs if run.monitor}
    return TITLES[names.pop()] if len(names) == 1 else "score"


def _colours(board: Leaderboard) -> dict[tuple[str, ...], str]:
    """By values of the keys, in the order of the tables."""
    settings = dict.fromkeys(row.values for table in board.tables for row in table.rows)
    left = iter(COLOURS)
    return {values: next(left, OTHERS) for values in settings}


def _add_legend(figure: Figure, board: Leaderboard) -> None:
    colours = {colour: board.name(values) for values, colour in _colours(board).items()}
    if OTHERS in colours:
        colours[OTHERS] = "others"
    lines = [Line2D([], [], color=colour) for colour in colours]
    figure.legend(lines, list(colours.values()), loc="outside lower center", ncols=2)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
