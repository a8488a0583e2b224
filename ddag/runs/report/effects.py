"""The effect of a setting, where it changed alone, drawn as SVG."""

from __future__ import annotations

import math
from typing import Optional

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ddag.machine.words import shortened
from ddag.runs.report.figures import COLOURS, LONGEST, STYLE, as_number, from_zero, svg
from ddag.runs.report.leaderboard import Table

MOST_KEYS = 30  # whose effect is drawn
WIDTH = 30  # letters that stand side by side below an axis
MANY = 8  # more values of a number than this are drawn along a scale

Scores = dict[str, list[float]]


def scores_by_value(table: Table, key: str) -> Optional[Scores]:
    """The monitored score of runs by their value of a key.

    Only of runs whose other settings and repetition were tried at each value, so that nothing else
    differs between the values; empty where there is none, None where there is one value alone.
    """
    found: dict[str, dict[object, list[float]]] = {}
    for run in table.runs:
        if run.result:
            others = tuple(run.value(each) for each in table.keys if each != key)
            splits = tuple(run.value(f"dataset.{each}") for each in run.split_keys)
            of_value = found.setdefault(run.value(key), {})
            of_value.setdefault((others, run.value("seed"), splits), []).append(run.result.score)
    if len(found) < 2:
        return None
    shared = set.intersection(*(set(each) for each in found.values()))
    return {
        value: [score for alike, scores in each.items() if alike in shared for score in scores]
        for value, each in found.items()
        if shared
    }


def draw(key: str, scores: Scores, *, title: str) -> str:
    """The scores over the values of a key."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 2.8), layout="constrained")
        axes = figure.subplots()
        _draw(axes, scores)
        from_zero(axes)
        axes.set_xlabel(shortened(key, LONGEST))
        axes.set_ylabel(title)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        return svg(figure)


def _draw(axes: Axes, scores: Scores) -> None:
    """A grey point for each run; mean and deviation of each value, unless they form a scale."""
    names = sorted(scores, key=lambda name: (as_number(name), name))
    places = [as_number(name) for name in names]
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
    labels = [shortened(name, LONGEST) for name in names]
    axes.set_xticks(range(len(names)), labels)
    if sum(map(len, labels)) > WIDTH:
        axes.tick_params("x", rotation=30)
    axes.set_xlim(-0.5, len(names) - 0.5)
