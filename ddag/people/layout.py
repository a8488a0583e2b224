"""What is photographed, how it is laid out on disk, and whose label each training image bears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ddag.settings.choices import Modality

SIZE = (64, 128)  # width and height, where a data set has no size of its own
_LABELS = 7  # this stream's number; those of images are in conditions.py


@dataclass(frozen=True)
class Shot:
    """One image to take; ``path`` lies below the root, ``size`` is width and height.

    Identity, camera and number together tell one image from another.
    """

    path: str
    identity: int
    camera: int
    number: int
    modality: Modality
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Plan:
    """All that a root holds: images, and text files by their path below it."""

    shots: list[Shot]
    texts: dict[str, str]


@dataclass(frozen=True)
class Labels:
    """Which training images bear somebody else's label: a share ``noise`` of a modality's."""

    noise: float = 0.0
    seed: int = 0

    def borrowed(self, shots: Sequence[Shot], *, split: int = 0) -> list[Shot]:
        """For each training image the one whose label it bears; without noise itself.

        Wrong labels are exchanged among the images of a modality, so that everyone has as many
        there as without noise. More noise makes further labels wrong and mends none. An image
        that finds nobody to exchange with, as in a set of one person, keeps its own.

        Args:
            shots: of the training set.
            split: number of the split where a layout has several.
        """
        borrowed = list(shots)
        for number, modality in enumerate(Modality):
            own = [k for k, shot in enumerate(shots) if shot.modality is modality]
            rng = np.random.default_rng([self.seed, split, number, 0, _LABELS])
            wrong = rng.permutation(own)[: round(self.noise * len(own))]
            lenders = _exchange(np.array([shots[k].identity for k in wrong], int), rng)
            for k, lender in zip(wrong, lenders):
                borrowed[k] = shots[wrong[lender]]
        return borrowed


def _exchange(identities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(N,)`` int64: a random order in which no place holds its own identity, if there is one."""
    order = rng.permutation(len(identities))
    for k, identity in enumerate(identities):
        if identities[order[k]] == identity:
            # Neither this place nor the one that it swaps with comes to hold its own.
            free = np.flatnonzero((identities != identity) & (identities[order] != identity))
            if len(free):
                other = rng.choice(free)
                order[[k, other]] = order[[other, k]]
    return order


@dataclass(frozen=True)
class Layout:
    """How people are laid out on disk.

    Attributes:
        name: stands in the marker of what was generated.
        plan: of identities, images of each, a generator of random numbers and the labels, what
            is written.
    """

    name: str
    plan: Callable[[int, int, np.random.Generator, Labels], Plan]
