"""Curves of many runs, drawn as SVG for a light page and a dark one."""

from __future__ import annotations

import io
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ddag.machine.border import LARGEST
from ddag.machine.words import shortened
from ddag.runs.report.leaderboard import Leaderboard, Table
from ddag.runs.report.runs import Run
from ddag.settings.choices import TITLES

# Of the best settings (Okabe and Ito's, which colour-blind readers tell apart), and of the others.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5fc5", "#444444")
OTHERS = "#c8c8c8"
INK, GRID = "#2f2f31", "#e4e4e6"  # of a light page
IN_THE_DARK = {INK: "#d6d6d8", GRID: "#3a3a3c"}
LONGEST = 60  # letters of a setting in a figure
STYLE: dict[Any, object] = {
    "text.usetex": False,  # whatever a matplotlibrc where the command is typed says
    "text.parse_math": False,  # a $ in a setting is a $
    "svg.hashsalt": "ddag",  # the same runs give the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "savefig.transparent": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.frameon": False,
}


def learning_curves(board: Leaderboard) -> str:
    """Training loss and monitored score by epoch, mean and band of each setting."""
    colours = _colours(board)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        loss, score = figure.subplots(1, 2, sharex=True)
        alike: dict[tuple[tuple[str, ...], str], list[Run]] = {}
        for run in board.runs:
            alike.setdefault((board.values(run), run.monitor), []).append(run)
        for (values, monitor), runs in alike.items():
            colour = colours.get(values, OTHERS)
            _draw_history(loss, runs, "train/loss", colour=colour)
            _draw_history(score, runs, f"eval/{monitor}", colour=colour)
        loss.set_title("training loss")
        score.set_title(score_title(board))
        score.yaxis.set_major_formatter(PercentFormatter(1))
        for axes in (loss, score):
            from_zero(axes)
            axes.set_xlabel("finished epochs")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _add_legend(figure, board)
        return svg(figure)


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
        from_zero(axes)
        axes.set_xlabel("rank r")
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        _add_legend(figure, board)
        return svg(figure)


def _draw_history(axes: Axes, runs: Sequence[Run], name: str, *, colour: str) -> None:
    """The mean of some runs by epoch, and the span between them as a band."""
    by_epoch: dict[float, list[float]] = {}
    for run in runs:
        for line in run.history:
            if name in line:
                by_epoch.setdefault(line["epoch"], []).append(line[name])
    epochs = sorted(by_epoch)
    values = [by_epoch[epoch] for epoch in epochs]
    axes.fill_between(epochs, [*map(min, values)], [*map(max, values)], color=colour, alpha=0.15)
    means = [*map(statistics.fmean, values)]
    axes.plot(epochs, means, color=colour, linewidth=1.5, marker="o", markersize=2.5)


def from_zero(axes: Axes) -> None:
    """Let the axis of a score or a loss end at 0, below which there is none."""
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))


def as_number(value: str) -> float:
    """What a value stands at on a scale; words stand at its end."""
    try:
        number = float(value)
    except ValueError:
        return math.inf
    return number if abs(number) <= LARGEST else math.inf


def score_title(board: Leaderboard) -> str:
    """Of the score that the runs are judged by, if it is one."""
    names = {run.monitor.partition("/")[2] for run in board.runs if run.monitor}
    return TITLES.get(names.pop(), "score") if len(names) == 1 else "score"


def _colours(board: Leaderboard) -> dict[tuple[str, ...], str]:
    """By values of the keys, in the order of the tables."""
    settings = dict.fromkeys(row.values for table in board.tables for row in table.rows)
    left = iter(COLOURS)
    return {values: next(left, OTHERS) for values in settings}


def _add_legend(figure: Figure, board: Leaderboard) -> None:
    colours = {
        colour: shortened(board.name(values), 2 * LONGEST)
        for values, colour in _colours(board).items()
    }
    if OTHERS in colours:
        colours[OTHERS] = "others"
    lines = [Line2D([], [], color=colour) for colour in colours]
    figure.legend(lines, list(colours.values()), loc="outside lower center", ncols=2)


def svg(figure: Figure) -> str:
    """The text of an SVG file, the same for the same figure."""
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font lacks, and of too little room
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn, dark = text.getvalue(), ""
    for number, (light, other) in enumerate(IN_THE_DARK.items()):
        drawn = drawn.replace(light, f"var(--c{number}, {light})")
        dark += f"--c{number}: {other}; "
    style = f"<style>@media (prefers-color-scheme: dark) {{ svg {{ {dark}}} }}</style>"
    return drawn.replace("<defs>", f"{style}<defs>", 1)
