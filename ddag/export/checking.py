"""Whether an exported file gives the features that the checkpoint gives.

Shapes: N images of H x W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.data.images import resize
from ddag.people.crew import photograph
from ddag.people.layout import Shot
from ddag.people.person import random_person
from ddag.settings.choices import Modality

BATCHES = (1, 7)  # images at a time
MOST = 1e-4  # by which a number of a feature of length 1 may differ


def draw_people(modality: Modality, *, height: int, width: int) -> np.ndarray:
    """Images of as many synthetic people as the largest batch has, ``(N, H, W, 3)`` uint8."""
    images = []
    for identity in range(1, max(BATCHES) + 1):
        shot = Shot("", identity, 1, 1, modality)
        image = photograph(random_person(0, identity), shot, seed=0)
        images.append(resize(np.asarray(image.convert("RGB")), height=height, width=width))
    return np.stack(images)


def difference(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """The largest of any number of the features, each ``(N, C)``; infinite where shapes differ.

    One that is not a number is as far from any other as can be.
    """
    if [each.shape for each in ours] != [each.shape for each in theirs]:
        return np.inf
    distances = [np.abs(one.astype(np.float64) - other) for one, other in zip(ours, theirs)]
    return float(max(np.nan_to_num(each, nan=np.inf).max() for each in distances))
