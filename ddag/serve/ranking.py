"""A gallery ranked for one query after another: those that wait at the same time, at once."""

# Q queries, G images in the gallery, C channels.

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Optional, Protocol

import numpy as np

from ddag.evaluation.ranking import cosine_distance, nearest

TOGETHER = 64  # queries that are ranked at once
_CELLS = 1 << 24  # of features that are taken from the gallery at a time: 64 MB


class Gallery(Protocol):
    """The features of G images, and which of them are nearest to others."""

    @property
    def names(self) -> Sequence[str]:
        """Of the images, within the gallery's folder."""

    @property
    def exact(self) -> bool:
        """Whether ``search`` compares a query with every image."""

    def __len__(self) -> int:
        """G."""

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the nearest to ``(Q, C)`` and their distances, ``(Q, count)`` each."""

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Features of images, ``(rows, C)`` float32 of length 1."""


class Ranked(NamedTuple):
    """A ranking's beginning, nearest first."""

    rows: np.ndarray  # int64
    distances: np.ndarray  # float32


class _Asked(NamedTuple):
    query: np.ndarray
    most: int
    answer: Future[Ranked]


class Ranker:
    """Ranks in a thread of its own; a gallery is read once for all queries that wait.

    Ranking a query takes as long as reading the gallery's features from memory does; sixty take
    little longer.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._asked: queue.SimpleQueue[Optional[_Asked]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ranking", daemon=True)
        self._thread.start()

    def rank(self, query: np.ndarray, count: int) -> Future[Ranked]:
        """The beginning of the ranking of the gallery, to come.

        Args:
            query: ``(C,)`` of length 1.
            count: images at most, 1 or more.
        """
        asked = _Asked(query, min(count, len(self._gallery)), Future())
        self._asked.put(asked)
        return asked.answer

    def rank_among(self, query: np.ndarray, count: int, rows: np.ndarray) -> Ranked:
        """The beginning of the ranking of some images, ``rows``, by the thread that asks."""
        found = Ranked(np.empty(0, np.int64), np.empty(0, np.float32))
        step = max(1, _CELLS // len(query))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            distances = cosine_distance(query[None], self._gallery.features(part))[0]
            both = Ranked(
                np.concatenate([found.rows, part]), np.concatenate([found.distances, distances])
            )
            order = nearest(both.distances)[:count]
            found = Ranked(both.rows[order], both.distances[order])
        return found

    def close(self) -> None:
        """End the thread once it has answered all that was asked before."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            waiting = [self._asked.get()]
            while len(waiting) < TOGETHER and not self._asked.empty():
                waiting.append(self._asked.get())
            ended = None in waiting
            # Who has gone meanwhile is passed over.
            kept = [each for each in waiting if each and each.answer.set_running_or_notify_cancel()]
            self._answer(kept)

    def _answer(self, waiting: Sequence[_Asked]) -> None:
        if not waiting:
            return
        try:
            queries = np.stack([each.query for each in waiting])
            count = max(each.most for each in waiting)
            rows, distances = self._gallery.search(queries, count)
        except Exception as error:  # whoever asked hears it
            for each in waiting:
                each.answer.set_exception(error)
            return
        for number, (_, most, answer) in enumerate(waiting):
            answer.set_result(Ranked(rows[number, :most], distances[number, :most]))
