"""The images of a gallery by likeness to a query, those in the lists nearest to it."""

# Q queries, N gallery images, C channels, K of them asked for.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.evaluation.ranking import nearest, nearest_few
from ddag.gallery.index import Index
from ddag.gallery.lists import Lists


class ListedIndex(Index):
    """An index of which a search reads a few lists: it may miss images that stand in others.

    Distances are those of ``Index``, which is what makes this one exact where all lists are read.
    """

    exact = False

    def __init__(self, names: Sequence[str], values: np.ndarray, lists: Lists) -> None:
        """Take a gallery, of one image at least.

        Args:
            names: as of ``Index``, as is ``values``.
            values: as of ``Index``.
            lists: of these images.
        """
        super().__init__(names, values)
        self._lists = lists

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """As of ``Index``, among as many lists as hold ``count`` images, ``PROBES`` at least."""
        count = min(count, len(self))
        rows = np.empty((len(query), count), np.int64)
        distances = np.empty((len(query), count), np.float32)
        for place, lists in enumerate(self._lists.nearest(query)):
            among = self._lists.rows_in(lists, least=count)
            (found,) = self._distances(query[place : place + 1], among)
            first = nearest_few(found, count)
            rows[place], distances[place] = among[first], found[first]
        return rows, distances

    def rank(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As of ``Index``, of the images in ``PROBES`` lists."""
        (lists,) = self._lists.nearest(query[None])
        among = self._lists.rows_in(lists)
        (found,) = self._distances(query[None], among)
        order = nearest(found)
        return among[order], found[order]
