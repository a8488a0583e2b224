"""The images of a gallery by likeness to a query, exactly."""

# Q queries, N gallery images, C channels, K of them asked for.

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from ddag.evaluation.ranking import CELLS, cosine_distance, nearest_few

_BLOCK = 1 << 20  # numbers of the features at a time: as float32 they stay in a processor's cache
_SHIFT = 13  # more digits of a fraction has float32 than float16
_BITS = np.int32(0x8FFFE000 - (1 << 32))  # the sign, and what a shifted float16 has below it
_SCALE = np.float32(2.0**112)  # between the exponents that the same bits stand for


class Index:
    """A gallery's names and features, which may lie on disk; nothing changes them."""

    exact = True  # a search compares a query with every image

    def __init__(self, names: Sequence[str], values: np.ndarray) -> None:
        """Take a gallery, of one image at least.

        Args:
            names: N paths within its folder.
            values: ``(N, C)`` features of length 1, float16 or float32.
        """
        self.names, self._values = names, values

    def __len__(self) -> int:
        return len(self.names)

    @property
    def channels(self) -> int:
        """C."""
        return int(self._values.shape[1])

    @property
    def dtype(self) -> np.dtype:
        """In which the features are kept."""
        return self._values.dtype

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Features of some rows, ``(len(rows), C)`` float32."""
        return np.asarray(self._values[rows], np.float32)

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest to each query, at the same distance in row order.

        Args:
            query: ``(Q, C)`` float32 of length 1.
            count: K; as many as there are if it is more.

        Returns:
            ``(Q, K)`` int64 rows and ``(Q, K)`` float32 distances, 0 to 2, nearest first.
        """
        count = min(count, len(self))
        rows = np.empty((len(query), count), np.int64)
        distances = np.empty((len(query), count), np.float32)
        together = max(1, CELLS // len(self))
        for start in range(0, len(query), together):
            found = self._distances(query[start : start + together])
            for place, distance in enumerate(found, start):
                rows[place] = nearest_few(distance, count)
                distances[place] = distance[rows[place]]
        return rows, distances

    def rank(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and distances of all images that a query, ``(C,)``, is compared with; as above."""
        rows, distances = self.search(query[None], len(self))
        return rows[0], distances[0]

    def _distances(self, query: np.ndarray, among: Optional[np.ndarray] = None) -> np.ndarray:
        """``(Q, N)``, or those of some rows; of as many features at a time as ``_BLOCK`` says."""
        count = len(self) if among is None else len(among)
        found = np.empty((len(query), count), np.float32)
        size = max(1, _BLOCK // self.channels)
        room = np.empty((min(size, count), self.channels), np.float32)
        for start in range(0, count, size):
            part = slice(start, start + size)
            block = self._values[part if among is None else among[part]]
            if block.dtype == np.float16:
                block = _widened(block, room[: len(block)])
            found[:, part] = cosine_distance(query, block)
        return found


def _widened(values: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Finite float16 as float32, to the bit; NumPy's own way takes five times as long.

    Args:
        values: to be converted.
        room: of the same shape, float32, which is filled and returned.
    """
    bits = room.view(np.int32)
    bits[...] = values.view(np.int16)
    bits <<= _SHIFT
    bits &= _BITS
    room *= _SCALE
    return room
