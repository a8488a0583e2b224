"""Images as arrays of path, identity and camera: the one currency of the data package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Union

import numpy as np

from ddag.settings.choices import Modality


@dataclass(frozen=True)
class Records:
    """N images of one modality.

    Attributes:
        paths: ``(N,)`` str, where each image lies.
        identities: ``(N,)`` int64; in a training set 0, 1, ... without gaps, in a query or
            gallery the data set's own numbers.
        cameras: ``(N,)`` int64, the data set's own numbers; 0 where they are not known.
        modality: of every image here.
        pixels: ``(N, H, W, 3)`` uint8 RGB, in memory or memory-mapped, once the images are
            decoded and resized; None while they are only on disk.
    """

    paths: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    modality: Modality
    pixels: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return len(self.identities)

    def select(self, rows: Union[np.ndarray, slice]) -> Records:
        """The images at ``rows``, an index array, a boolean mask or a slice, in that order."""
        return replace(
            self,
            paths=self.paths[rows],
            identities=self.identities[rows],
            cameras=self.cameras[rows],
            pixels=None if self.pixels is None else self.pixels[rows],
        )


@dataclass(frozen=True)
class TrainSet:
    """The images to learn from; both modalities hold the same identities 0, 1, ..."""

    visible: Records
    infrared: Records

    @property
    def identity_count(self) -> int:
        """How many people there are to tell apart."""
        return int(self.visible.identities.max()) + 1


@dataclass(frozen=True)
class TestSet:
    """A query, to be ranked against one or more galleries.

    Attributes:
        query: images of one modality.
        gallery: every image that any gallery holds, once.
        trials: for each gallery the rows of ``gallery`` that it holds, int64.
    """

    query: Records
    gallery: Records
    trials: tuple[np.ndarray, ...]

    def select(self, query: np.ndarray, gallery: np.ndarray) -> TestSet:
        """The images where the bool masks ``query`` and ``gallery`` hold."""
        row = np.cumsum(gallery) - 1  # of each image that stays, among those that stay
        trials = tuple(row[trial[gallery[trial]]] for trial in self.trials)
        return TestSet(self.query.select(query), self.gallery.select(gallery), trials)

    __test__ = False  # not a test class, whatever pytest makes of the name
