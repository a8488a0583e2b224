"""Searches in a gallery: from an image, or a row of it, to the images nearest to that.

Everything that takes long is done in threads, so many at a time; the network runs in one.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, TypeVar

import numpy as np

from ddag.data.images import read_sent
from ddag.machine.words import cell, printable
from ddag.serve.labels import Labels, Wanted
from ddag.serve.ranking import Gallery, Ranked, Ranker
from ddag.settings.choices import Modality

MOST_RANKS = 1000
Given = TypeVar("Given")


@dataclass(frozen=True)
class Result:
    """An image of the gallery in a ranking."""

    rank: int  # from 1
    row: int  # of the image in the gallery; search on with it
    distance: float  # 1 minus the cosine of the features, 0 to 2
    name: str  # of the file, within the gallery
    camera: Optional[str]
    time: Optional[str]  # ISO 8601, as the camera's clock had it


@dataclass(frozen=True)
class Ranking:
    """The beginning of a ranking, nearest first."""

    searched: int  # images that were sought among: those of the cameras and times asked for
    exact: bool  # whether each of them was compared; else some may be missing
    results: list[Result]


@dataclass(frozen=True)
class Ask:
    """How a gallery is to be searched: for how many images, of which cameras and times."""

    count: int
    wanted: Wanted


@dataclass(frozen=True)
class Source:
    """Where features of a query come from.

    Attributes:
        extract: gives the feature ``(C,)`` of ``(height, width, 3)`` uint8 pixels of a modality; it
            is called by one thread at a time.
        height: in pixels, as is ``width``.
        width: of an image that goes in.
        most_pixels: that an image may have before it is resized.
    """

    extract: Callable[[np.ndarray, Modality], np.ndarray]
    height: int
    width: int
    most_pixels: int


class Searcher:
    """Ranks a gallery by images and by its own rows."""

    def __init__(self, root: Path, gallery: Gallery, labels: Labels, source: Source) -> None:
        """Take a gallery.

        Args:
            root: its folder.
            gallery: its images' features.
            labels: what is known of its images.
            source: of the queries' features.
        """
        self.root, self.gallery, self.labels = root, gallery, labels
        self._source = source
        self._ranker = Ranker(gallery)
        self._network = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._pool = ThreadPoolExecutor(_threads(), thread_name_prefix="serve")

    async def by_image(self, content: bytes, modality: Modality, ask: Ask) -> Ranking:
        """Rank by likeness to an image that was sent.

        Raises:
            InputError: it is none, or ``ask`` names a camera that is not there.
        """
        source = self._source
        rows = await self.work(lambda: self.labels.rows(ask.wanted))

        def decode() -> np.ndarray:
            size = {"height": source.height, "width": source.width}
            return read_sent(content, most=source.most_pixels, **size)

        pixels = await self.work(decode)
        extracting = self._network.submit(source.extract, pixels, modality)
        return await self._rank(await asyncio.wrap_future(extracting), ask.count, rows)

    async def by_row(self, row: int, ask: Ask) -> Ranking:
        """Rank by likeness to an image of the gallery, which itself is left out.

        Raises:
            InputError: ``ask`` names a camera that is not there.
        """
        rows = await self.work(lambda: self.labels.rows(ask.wanted))
        if rows is not None:
            rows = rows[rows != row]
        feature = (await self.work(lambda: self.gallery.features(np.array([row]))))[0]
        return await self._rank(feature, ask.count, rows, besides=row)

    async def work(self, given: Callable[[], Given]) -> Given:
        """What a function gives, called in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, given)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(cancel_futures=True)
        self._network.shutdown(cancel_futures=True)
        self._ranker.close()

    async def _rank(
        self,
        feature: np.ndarray,
        count: int,
        rows: Optional[np.ndarray],
        besides: Optional[int] = None,
    ) -> Ranking:
        total = len(self.gallery) - (besides is not None) if rows is None else len(rows)
        if rows is None:
            asked: Future[Ranked] = self._ranker.rank(feature, count + (besides is not None))
            found = await asyncio.wrap_future(asked)
        else:
            among = rows
            found = await self.work(lambda: self._ranker.rank_among(feature, count, among))
        pairs = zip(found.rows.tolist(), found.distances.tolist())
        kept = [pair for pair in pairs if pair[0] != besides][:count]
        exact = rows is not None or self.gallery.exact
        results = [self._result(rank, *pair) for rank, pair in enumerate(kept, 1)]
        return Ranking(total, exact, results)

    def _result(self, rank: int, row: int, distance: float) -> Result:
        return Result(
            rank,
            row,
            round(distance, 6),
            printable(self.gallery.names[row]),
            self.labels.camera_of(row),
            self.labels.time_of(row),
        )


def to_csv(results: Iterable[Result]) -> str:
    """A table that a spreadsheet can open."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(("rank", "distance", "path", "camera", "time"))
    for each in results:
        words = (cell(each.name), cell(each.camera or ""), each.time or "")
        rows.writerow((each.rank, f"{each.distance:.6f}", *words))
    return file.getvalue()


def _threads() -> int:
    return min(8, (os.cpu_count() or 1) + 2)  # they decode, and wait for the disk
