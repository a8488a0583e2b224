"""The input pipeline: sampled, augmented, normalised images of both modalities."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from ddag.data.augmentation import Augmentation
from ddag.data.loader import TrainLoader
from ddag.data.records import Records, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.machine import device
from ddag.settings.choices import Erasing, Modality
from ddag.settings.data import ChannelsConfig

RELEASE = Augmentation(crop=10, flip=True, grayscale=0.5, erasing=0.5)
PAIR = tuple(Modality)
CAJ = Augmentation(
    crop=10,
    flip=True,
    grayscale=0,
    erasing=0.5,
    erasing_rule=Erasing.caj,
    channels=ChannelsConfig(visible=0, further=1, infrared=0.75, grayscale=0.5),
)
THREE = (Modality.visible, *PAIR)


def people(
    visible: int, infrared: int, identities: int, *, height: int = 288, width: int = 144
) -> TrainSet:
    """A training set of noise, in memory."""
    sets = []
    for modality, count in ((Modality.visible, visible), (Modality.infrared, infrared)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
        sets.append(records(modality, pixels, np.arange(count) % identities))
    return TrainSet(*sets)


def records(modality: Modality, pixels: np.ndarray, identities: np.ndarray) -> Records:
    """Images at hand."""
    count = len(pixels)
    return Records(
        np.array([str(row) for row in range(count)]), identities, np.ones(count), modality, pixels
    )


def loader(
    train_set: TrainSet,
    *,
    views: Sequence[Modality] = PAIR,
    augmentation: Augmentation = RELEASE,
    workers: int = 2,
) -> tuple[TrainLoader, IdentitySampler]:
    """Batches of 8 identities and 4 samples of each, in both modalities or in these views."""
    device.configure("CPU", device_id=0, mode="graph", seed=0)  # as every job does
    sampler = IdentitySampler(
        train_set.visible.identities,
        train_set.infrared.identities,
        identities=8,
        images=4,
        seed=0,
    )
    batches = TrainLoader(
        train_set, sampler, views=views, augmentation=augmentation, workers=workers, seed=0
    )
    return batches, sampler


def rates(batches: TrainLoader, sampler: IdentitySampler, epochs: int) -> tuple[float, float]:
    """Images a second, and by the processor time that they take on two cores; medians."""
    by_clock, by_processor = [], []
    for epoch in range(epochs):
        start, processor_start = time.perf_counter(), time.process_time()
        count = sum(
            len(batch.visible) + len(batch.infrared)
            for batch in batches.epoch(epoch, batches=sampler.batches)
        )
        by_clock.append(count / (time.perf_counter() - start))
        by_processor.append(2 * count / (time.process_time() - processor_start))
    return median(by_clock), median(by_processor)


def measure(images: int = 1600, epochs: int = 7) -> list[Row]:
    """The input pipeline: augmented 288 x 144 images, both modalities, 2 workers"""
    train_set = people(images, images, 50)
    rows = []
    for what, views, augmentation, least in (
        ("augmented images", PAIR, RELEASE, 2500),
        ("images of CAJ's three views", THREE, CAJ, 1500),
    ):
        chosen = loader(train_set, views=views, augmentation=augmentation)
        by_clock, by_processor = rates(*chosen, epochs)
        rows += [
            Row.at_least(what, by_clock, least, "a second"),
            Row(
                "by the processor time that they take, on two cores with nothing else to do",
                f"{by_processor:,.0f} a second",
            ),
        ]
    return rows


if __name__ == "__main__":
    report.run("pipeline", measure)
