"""How the cost grows: of a step with its size, of an evaluation with its gallery."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import report
from benchmarks.report import DOCS, Row
from benchmarks.step import Size, framework
from benchmarks.turns import take_turns
from ddag.evaluation import metrics

BASE = Size(backbone="resnet18", height=96, width=48, identities=8, images=2, part=3)
STEPS: Mapping[str, Mapping[str, Size]] = {
    "images": {str(4 * n): replace(BASE, identities=n) for n in (4, 8, 16, 32)},
    "parts": {str(part): replace(BASE, part=part) for part in (0, 1, 3, 6)},
    "height": {
        str(height): replace(BASE, height=height, width=height // 2)
        for height in (64, 96, 144, 288)
    },
}
GALLERIES = (300, 1000, 3000, 10_000, 30_000)


def measure(
    steps: Mapping[str, Mapping[str, Size]] = STEPS,
    galleries: Sequence[int] = GALLERIES,
    rounds: int = 5,
    folder: Path = DOCS,
) -> list[Row]:
    """Growth: a step of ResNet-18 (32 images of 96 x 48, three parts), 100 queries ranked"""
    rows = []
    for what, sizes in steps.items():
        taken = take_turns({at: partial(framework, size) for at, size in sizes.items()},
                           rounds=rounds)  # fmt: skip
        seconds = {int(at): median(each.seconds) for at, each in taken.items()}
        rows.append(Row(f"step by {what}: seconds", _listed(seconds)))
        rows.append(Row(f"step by {what}: ratio to the first", _listed(_ratios(seconds))))
        draw(folder / f"benchmarks_growth_{what}.png", what, "seconds a step", seconds)
    seconds = {gallery: ranking(gallery, rounds) for gallery in galleries}
    rows.append(Row("100 queries by gallery: seconds", _listed(seconds)))
    rows.append(Row("100 queries by gallery: ratio to the first", _listed(_ratios(seconds))))
    draw(folder / "benchmarks_growth_gallery.png", "gallery images", "seconds", seconds)
    return rows


def ranking(gallery: int, rounds: int) -> float:
    """Seconds to score the ranking of 100 queries."""
    generator = np.random.default_rng(0)
    distance = generator.standard_normal((100, gallery), np.float32)
    people = np.arange(gallery) // 4
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        metrics.score(distance, people[np.arange(100) % gallery], people)
        taken.append(time.perf_counter() - start)
    return median(taken)


def draw(file: Path, x: str, y: str, seconds: Mapping[int, float]) -> None:
    """A curve from zero."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(seconds), list(seconds.values()), "o-")
    axes.set(xlabel=x, ylabel=y, xlim=0, ylim=0)
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=120)


def _ratios(seconds: Mapping[int, float]) -> dict[int, float]:
    first = next(iter(seconds.values()))
    return {at: value / first for at, value in seconds.items()}


def _listed(values: Mapping[int, float]) -> str:
    return ", ".join(f"{at:,}: {value:.3g}" for at, value in values.items())


if __name__ == "__main__":
    report.run("growth", measure)
