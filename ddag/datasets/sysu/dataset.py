"""SYSU-MM01 as a data set: its settings, its rules, and its training set prepared before use."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from ddag.data.protocol import Protocol
from ddag.data.records import TestSet, TrainSet
from ddag.datasets.dataset import Count, Dataset
from ddag.datasets.sysu import files, protocol, record
from ddag.datasets.sysu import prepare as prepared
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.machine.bar import bar
from ddag.machine.errors import require
from ddag.settings.data import DatasetConfig

PUBLISHED_GALLERIES = 10

log = logging.getLogger(__name__)


@dataclass
class SysuConfig(DatasetConfig):
    """SYSU-MM01, or people generated in its layout."""

    search: Search = MISSING  # gallery cameras
    shots: int = MISSING  # gallery images of an identity and camera
    gallery: Gallery = MISSING  # drawn by random.seed(trial), or as the authors drew it

    def __post_init__(self) -> None:
        require(self.shots in (1, 10), "dataset.shots", self.shots, "the protocol has 1 and 10")


class SYSU(Dataset[SysuConfig]):
    """SYSU-MM01, with one way to seek in it."""

    config = SysuConfig
    protocol = Protocol(excluded=protocol.exclude_same_room, cmc_counts="identities")

    def describe(self) -> dict[str, Any]:
        """Which cameras are sought in, and how the galleries are drawn."""
        chosen = self.settings
        return {
            **super().describe(),
            "search": chosen.search.value,
            "gallery": chosen.gallery.value,
            "shots": chosen.shots,
            "galleries": PUBLISHED_GALLERIES,
        }

    def prepare(self) -> None:
        """Decode the training images into arrays in the data set's folder."""
        self.generate()
        self._refuse_unasked("its training images are not prepared", "prepare")
        log.info("Preparing %s: decoding its training images once", self.root)
        train = files.read_train(self.root)
        with bar("decoding images", len(train.visible) + len(train.infrared)) as advance:
            prepared.prepare(
                self.root,
                height=self.data.height,
                width=self.data.width,
                skip_broken=self._skip_broken,
                advance=advance,
            )

    def _list_train(self) -> TrainSet:
        if not prepared.is_prepared(self.root):
            self.prepare()
        size = {"height": self.data.height, "width": self.data.width}
        train_set = prepared.read_prepared(self.root, **size)
        record.refuse_stale(self.root, train_set, **size)
        return train_set

    def _list_test(self) -> TestSet:
        return protocol.read_test(
            self.root,
            search=self.settings.search,
            shots=self.settings.shots,
            trials=range(PUBLISHED_GALLERIES),
            gallery=self.settings.gallery,
        )

    def _count(self) -> tuple[list[Count], list[str]]:
        """Of the cameras, the training set, the query and the galleries."""
        cameras, paths = self._count_cameras()
        for stray in files.strays(self.root):
            log.warning("%s: passed over; images are <4-digit identity>/<name>.jpg", stray)
        return [*cameras, *self._count_train(), *self._count_test()], paths

    def _count_cameras(self) -> tuple[list[Count], list[str]]:
        counts, paths = [], []
        for split in files.SPLITS:
            identities = files.read_identities(self.root, split)
            for camera in (*files.VISIBLE_CAMERAS, *files.INFRARED_CAMERAS):
                held = files.list_split(self.root, [camera], identities)
                people = len({image.identity for image in held})
                counts.append(Count(f"camera {camera}, {split}", people, len(held)))
                paths += [image.path for image in held]
        return counts, paths

    def _count_train(self) -> list[Count]:
        train = files.read_train(self.root)
        return [
            Count.of(
                f"train and val, {held.modality.value}",
                held,
                published_identities=files.PUBLISHED_TRAIN_IDENTITIES,
                published_images=published,
            )
            for held, published in (
                (train.visible, files.PUBLISHED_TRAIN_VISIBLE),
                (train.infrared, files.PUBLISHED_TRAIN_INFRARED),
            )
        ]

    def _count_test(self) -> list[Count]:
        counts = []
        for search in Search:
            test = protocol.read_test(self.root, search=search, shots=1, trials=[0])
            counts.append(
                Count.of(
                    f"gallery, {search.value}, one shot",
                    test.gallery,
                    published_images=protocol.PUBLISHED_GALLERY[search],
                )
            )
        query = Count.of(
            "query",
            test.query,
            published_identities=files.PUBLISHED_TEST_IDENTITIES,
            published_images=files.PUBLISHED_QUERIES,
        )
        return [*counts, query]
