"""A training set of SYSU-MM01's size, mapped from disk: its memory and how soon it starts."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import report
from benchmarks.pipeline import loader
from benchmarks.report import Row
from benchmarks.turns import Turn, take_turns
from ddag.datasets.sysu.files import PUBLISHED_TRAIN_INFRARED, PUBLISHED_TRAIN_VISIBLE
from ddag.datasets.sysu.prepare import read_prepared

HEIGHT, WIDTH = 288, 144


def write(folder: Path, *, visible: int, infrared: int, identities: int) -> None:
    """The arrays of ``job=prepare``, of blank images."""
    folder.mkdir()
    for word, count in (("rgb", visible), ("ir", infrared)):
        np.save(folder / f"train_{word}_resized_label.npy", np.arange(count) % identities)
        np.lib.format.open_memmap(
            folder / f"train_{word}_resized_img.npy", "w+", np.uint8, (count, HEIGHT, WIDTH, 3)
        ).flush()


def read(folder: Path, batches: int) -> Turn:
    """Start, then take ``batches`` batches, over as many epochs as they need."""

    def turn() -> float:
        start = time.perf_counter()
        train, sampler = loader(read_prepared(folder, height=HEIGHT, width=WIDTH))
        left, epoch, first = batches, 0, 0.0
        while left:
            count = min(left, sampler.batches)
            for _ in train.epoch(epoch, batches=count):
                first = first or time.perf_counter() - start
            left, epoch = left - count, epoch + 1
        return first

    return turn


def measure(
    visible: int = PUBLISHED_TRAIN_VISIBLE, infrared: int = PUBLISHED_TRAIN_INFRARED
) -> list[Row]:
    """Training data of SYSU-MM01's size, 22,258 + 11,909 images mapped from disk"""
    with TemporaryDirectory() as name:
        large, small = Path(name) / "large", Path(name) / "small"
        write(large, visible=visible, infrared=infrared, identities=50)
        write(small, visible=100, infrared=100, identities=50)
        start = time.perf_counter()
        train, _ = loader(read_prepared(large, height=HEIGHT, width=WIDTH))
        next(train.epoch(0, batches=1))
        started = time.perf_counter() - start
        batches = max(1, visible // 32)
        times = take_turns(
            {"all": partial(read, large, batches), "100": partial(read, small, batches)}, rounds=1
        )
    added = times["all"].memory - times["100"].memory
    return [
        Row.at_most("resident memory above the same epoch on 100 images", added, 1.5, "GB"),
        Row.at_most("to the first batch", started, 10, "s"),
        Row.at_most(
            "time of the epoch, all images / 100",
            times["all"].seconds[0] / times["100"].seconds[0],
            2,
        ),
    ]


if __name__ == "__main__":
    report.run("training_set", measure)
