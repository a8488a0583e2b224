"""Differences from the baseline and from controls with their 95 % intervals, drawn as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import matplotlib as mpl
from matplotlib.figure import Figure

from ddag.machine.words import shortened
from ddag.runs.report.figures import COLOURS, INK, LONGEST, STYLE, svg
from ddag.runs.report.statistics import FEW, Difference

MOST = 40  # settings that are drawn, the best


def draw(found: Mapping[str, Difference], *, score: str) -> Optional[str]:
    """The mean paired difference of each setting in points, its interval, and a line at none.

    Args:
        found: by name, in the order from top to bottom.
        score: name of the score, such as ``mAP``.

    Returns:
        None where no setting has the pairs of a result.
    """
    shown = [
        (name, each.mean, each.interval, each.is_seen)
        for name, each in found.items()
        if each.pairs >= FEW and each.interval is not None
    ][:MOST]
    if not shown:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 0.9 + 0.3 * len(shown)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=0.8)
        for place, (_, mean, ends, is_seen) in enumerate(shown):
            colour = COLOURS[0] if is_seen else "#999999"
            axes.plot([100 * end for end in ends], [place, place], color=colour, linewidth=2)
            axes.plot(100 * mean, place, color=colour, marker="o", markersize=6)
        axes.set_yticks(range(len(shown)), [shortened(name, LONGEST) for name, *_ in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlabel(f"points of {score} more")
        return svg(figure)
