"""Which images share a batch: P identities x K images x 2 modalities."""

# N images of one modality, I identities, P identities and K images of each in a batch.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddag.machine.errors import InputError


class IdentitySampler:
    """Draws the batches of any epoch as a function of seed and epoch alone.

    Each batch takes P identities without replacement, and for each of them K images of each
    modality with replacement. An epoch has N // (P * K) batches, N counting the larger modality.

    Raises:
        InputError: fewer identities than a batch asks for, an identity without an image in one
            modality, or too few images for a single batch.

    Source:
        IdentitySampler in utils.py of the authors' release.
    """

    def __init__(
        self,
        visible_labels: np.ndarray,
        infrared_labels: np.ndarray,
        *,
        identities: int,
        images: int,
        seed: int,
    ) -> None:
        labels = np.union1d(visible_labels, infrared_labels)
        _refuse_missing(labels, visible_labels, "visible")
        _refuse_missing(labels, infrared_labels, "infrared")
        larger = max(len(visible_labels), len(infrared_labels))
        _refuse_small(len(labels), larger, identities, images)
        self.batches = larger // (identities * images)
        self._visible = _RowsOfIdentity.group(visible_labels, labels)
        self._infrared = _RowsOfIdentity.group(infrared_labels, labels)
        self._identity_count = len(labels)
        self._identities, self._images, self._seed = identities, images, seed
        self.samples = identities * images  # of a batch, an image of each modality in each
        # Identities whose images are fewer than a batch takes of them, so that it repeats some.
        self.scarce = sum(
            int((rows.sizes < images).sum()) for rows in (self._visible, self._infrared)
        )

    def epoch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the visible and of the infrared set, each ``(batches, P * K)`` int64.

        Column i shows the same identity in both. The same seed and number give the same rows.
        """
        generator = np.random.default_rng([self._seed, number])
        # The first P of a random order are a draw without replacement, for all batches at once.
        order = generator.random((self.batches, self._identity_count)).argsort(axis=1)
        chosen = np.repeat(order[:, : self._identities], self._images, axis=1)  # (batches, P * K)
        return self._visible.draw(chosen, generator), self._infrared.draw(chosen, generator)


@dataclass(frozen=True)
class _RowsOfIdentity:
    """The rows of one modality, identity by identity."""

    rows: np.ndarray  # (N,)
    starts: np.ndarray  # (I,) where an identity's rows begin
    sizes: np.ndarray  # (I,) how many they are

    @classmethod
    def group(cls, image_labels: np.ndarray, labels: np.ndarray) -> _RowsOfIdentity:
        rows = np.argsort(image_labels, kind="stable")
        starts = np.searchsorted(image_labels[rows], labels)
        return cls(rows, starts, np.diff(starts, append=len(rows)))

    def draw(self, chosen: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """A random row, int64, of each identity in ``chosen``, whatever its shape."""
        return self.rows[self.starts[chosen] + generator.integers(self.sizes[chosen])]


def _refuse_missing(labels: np.ndarray, image_labels: np.ndarray, modality: str) -> None:
    missing = np.setdiff1d(labels, image_labels)
    if len(missing):
        raise InputError(
            f"training set: identity {missing[0]} has no {modality} image"
            f" ({len(missing)} such identities); leave it out or restore its images"
        )


def _refuse_small(identity_count: int, available: int, identities: int, images: int) -> None:
    if identities > identity_count:
        raise InputError(
            f"sampler.identities={identities}: the training set has {identity_count} identities;"
            f" use at most {identity_count}"
        )
    if identities * images > available:
        raise InputError(
            f"sampler.images={images}: {identities} identities x {images} images are more than"
            f" the {available} images of the larger modality, so an epoch would have no batch;"
            " use fewer"
        )
