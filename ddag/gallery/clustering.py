"""Lists of a gallery made and kept: centres that faiss trains, and the images nearest to each."""

# N images, K lists, C channels.

from __future__ import annotations

import logging
import warnings
from typing import Optional

import numpy as np

from ddag.evaluation.ranking import CELLS, evenly
from ddag.gallery.lists import Lists, group
from ddag.machine import packages
from ddag.machine.bar import bar, clock

log = logging.getLogger(__name__)

# Images of a gallery whose lists pay. Among so many, of 512 numbers each, a query takes a processor
# 1.0 ms by lists and 2.7 ms exactly. Of a hundred at once each takes less exactly, even among
# 50,000: 1.3 ms, and 2.0 by lists.
LEAST = 10_000
_LISTS = 4  # times the square root of N
_IMAGES = 32  # that a centre is trained on
_ROUNDS = 10  # of training
_BLOCK = 1 << 22  # numbers of the features at a time


def refuse_missing(setting: str) -> None:
    """Refuse what trains centres where faiss is not installed.

    Args:
        setting: that asks for it, with its value.

    Raises:
        InputError: it is not.
    """
    packages.refuse_missing(setting, ("faiss",), extra="index")


def is_outgrown(lists: Lists, images: int) -> bool:
    """Whether a gallery has twice or half as many images as when its centres were trained."""
    grown = images >= 2 * lists.trained or 2 * images <= lists.trained
    return grown and images >= LEAST


def arrange(features: np.ndarray, before: Optional[Lists], places: np.ndarray) -> Lists:
    """Lists of a gallery; those that there were are kept as long as they fit it.

    Args:
        features: ``(N, C)`` of length 1, float16 or float32, which may lie on disk.
        before: the lists that there were.
        places: ``(N,)`` int64, the row of each image at that time, or a higher number where it is
            new.
    """
    count = len(features)
    if before is None or (is_outgrown(before, count) and _can_train()):
        lists = min(count, max(1, round(_LISTS * count**0.5)))
        with clock(f"training the centres of {lists:,} lists"):
            centres = train(features, lists)
        return group(_assign(features, np.arange(count), centres), centres, count)
    known = places < len(before.rows)
    list_of = np.empty(count, np.int64)
    list_of[known] = before.list_of[places[known]]
    list_of[~known] = _assign(features, np.flatnonzero(~known), before.centres)
    return group(list_of, before.centres, before.trained)


def train(features: np.ndarray, count: int) -> np.ndarray:
    """Centres of ``count`` lists, ``(count, C)`` float32 of length 1, by k-means on the sphere."""
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells how it was loaded
    with warnings.catch_warnings():  # of SWIG, which it is made with
        warnings.simplefilter("ignore")
        import faiss

    some = evenly(len(features), _IMAGES * count)
    means = faiss.Kmeans(
        features.shape[1],
        count,
        niter=_ROUNDS,
        spherical=True,
        seed=0,
        # Else it would say that there are too few, and leave out some of them.
        min_points_per_centroid=1,
        max_points_per_centroid=_IMAGES + 1,
    )
    means.train(np.asarray(features[some], np.float32))
    centres: np.ndarray = means.centroids
    return centres


def _assign(features: np.ndarray, rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """``(len(rows),)``: the list of each of some images, that of the nearest centre."""
    found = np.empty(len(rows), np.int64)
    size = max(1, min(CELLS // len(centres), _BLOCK // features.shape[1]))
    with bar("sorting into lists", len(rows)) as advance:
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            block = np.asarray(features[some], np.float32)
            found[start : start + size] = (block @ centres.T).argmax(axis=1)
            advance(len(some))
    return found


def _can_train() -> bool:
    """Whether centres can be trained anew; if not, it is said."""
    able = packages.is_installed("faiss")
    if not able:
        log.warning(
            "The gallery has outgrown its lists, which are kept: faiss is not installed;"
            ' run pip install -e ".[index]"'
        )
    return able
