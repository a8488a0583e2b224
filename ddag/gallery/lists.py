"""A gallery's images in lists, each of those that one centre is nearest to.

A search by them compares a query with the images of the nearest lists alone. This is an inverted
file whose features are neither moved nor copied: a list holds rows.
"""

# Q queries, N images, K lists, C channels.

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddag.evaluation.ranking import cosine_distance
from ddag.machine.arrays import read_archive
from ddag.machine.errors import InputError

# Lists that a query reads. Of the nearest ten among a million drawn images, of 512 numbers each, 16
# lists held 73 %, 64 held 89 % and 128 held 94 %, for 1/230, 1/48 and 1/23 of the time of an exact
# query; among 200,000 64 held 96 % (python -m benchmarks.index).
PROBES = 64
ANEW = "job=index ... job.lists=true makes its lists anew"
_KINDS = {"centres": np.float32, "rows": np.int64, "begins": np.int64, "trained": np.int64}


@dataclass(frozen=True)
class Lists:
    """Which images stand in which list.

    Attributes:
        centres: ``(K, C)`` float32.
        rows: ``(N,)`` int64, those of the first list, of the second, ...; each image in one.
        begins: ``(K + 1,)`` int64, where each list begins in ``rows``; at last N.
        trained: images that there were when the centres were trained.
    """

    centres: np.ndarray
    rows: np.ndarray
    begins: np.ndarray
    trained: int

    @property
    def sizes(self) -> np.ndarray:
        """``(K,)``: how many images each list holds."""
        return np.diff(self.begins)

    @property
    def list_of(self) -> np.ndarray:
        """``(N,)``: the list of each image."""
        found = np.empty(len(self.rows), np.int64)
        found[self.rows] = np.repeat(np.arange(len(self.centres)), self.sizes)
        return found

    def nearest(self, query: np.ndarray) -> np.ndarray:
        """``(Q, K)``: the lists by the distances of their centres from ``(Q, C)``."""
        return np.argsort(cosine_distance(query, self.centres), axis=1, kind="stable")

    def rows_in(self, lists: np.ndarray, *, least: int = 0) -> np.ndarray:
        """The images of the first ``PROBES`` lists that hold any, rising.

        Args:
            lists: ``(K,)``, all of them, in the order in which they are read.
            least: images that are wanted, 0 to N; where those lists hold fewer, more are read.
        """
        lists = lists[self.sizes[lists] > 0]
        enough = 1 + int(np.searchsorted(self.sizes[lists].cumsum(), least))
        read = lists[: max(PROBES, enough)]
        rows = [self.rows[self.begins[each] : self.begins[each + 1]] for each in read]
        return np.sort(np.concatenate(rows))


def group(list_of: np.ndarray, centres: np.ndarray, trained: int) -> Lists:
    """Lists by the list of each image.

    Args:
        list_of: ``(N,)`` int64, 0 to K - 1.
        centres: as of ``Lists``, as is ``trained``.
        trained: as of ``Lists``.
    """
    sizes = np.bincount(list_of, minlength=len(centres))
    begins = np.concatenate([[0], sizes.cumsum()]).astype(np.int64)
    return Lists(centres, np.argsort(list_of, kind="stable"), begins, trained)


def write(path: Path, lists: Lists) -> None:
    """Write a file that ``read`` reads.

    Raises:
        OSError: the disk does not let it be written.
    """
    with path.open("wb") as file:
        np.savez(file, **{name: getattr(lists, name) for name in _KINDS})


def read(path: Path, images: int, channels: int) -> Lists:
    """What ``write`` wrote.

    Args:
        path: of the file.
        images: N, 1 or more.
        channels: C.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    held = read_archive(path, remedy=ANEW)
    arrays = {name: held.get(name, np.empty(0)) for name in _KINDS}
    right = [each.dtype for each in arrays.values()] == [*_KINDS.values()]
    if not (right and arrays["trained"].shape == () and arrays["trained"] > 0):
        raise InputError(f"{path}: holds other arrays; {ANEW}")
    lists = Lists(arrays["centres"], arrays["rows"], arrays["begins"], int(arrays["trained"]))
    if not (_are_centres(lists.centres, channels) and _is_each_once(lists, images)):
        raise InputError(f"{path}: holds no lists of {images:,} images; {ANEW}")
    return lists


def _are_centres(centres: np.ndarray, channels: int) -> bool:
    return (
        centres.ndim == 2
        and len(centres) > 0
        and centres.shape[1] == channels
        and bool(np.isfinite(centres).all())
    )


def _is_each_once(lists: Lists, images: int) -> bool:
    """Whether each image stands in one list."""
    rows, begins = lists.rows, lists.begins
    if rows.shape != (images,) or begins.shape != (len(lists.centres) + 1,):
        return False
    if begins[0] != 0 or begins[-1] != images or (begins[:-1] > begins[1:]).any():
        return False
    if rows.min() < 0 or rows.max() >= images:
        return False
    return bool((np.bincount(rows, minlength=images) == 1).all())
