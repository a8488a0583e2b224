"""Four jobs of a sweep, two at a time, against one after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.report import Row
from benchmarks.start import RUN, seconds

SIDE_BY_SIDE = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


def measure(
    rounds: int = 1, words: Sequence[str] = ("train.epochs=1", "train.steps=20")
) -> list[Row]:
    """Four jobs of the default size, 20 steps and an evaluation each, two at a time"""
    ratios, left = [], 0
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            people = [f"dataset.root={folder / 'people'}", *words]
            seconds([*RUN, "job=check", *people], folder)  # draws the people
            sweep = [*RUN, "-m", "seed=0,1,2,3", *people]
            one = seconds([*sweep, "tag=one"], folder)
            two = seconds([*sweep, "tag=two", *SIDE_BY_SIDE], folder)
            ratios.append(one / two)
            left = len(list(folder.glob("multirun_sweeps/two/*/*/result.json")))
    best = sorted(ratios)[len(ratios) // 2]
    return [
        Row.at_least("one after another / two at a time", best, 1.5),
        Row("seconds of the last round", f"{one:.3g}, {two:.3g}"),
        Row("results of the four side by side", str(left), "4", left == 4),
    ]


if __name__ == "__main__":
    report.run("jobs", measure)
