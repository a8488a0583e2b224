"""Images with their features as a folder on disk: whole, or not there.

It holds ``features.npy``, ``(N, C)`` float16 or float32, and ``images.npz``: name, size and time
of each image, and what the features depend on. ``lists.npz``, which may be there, lists the images
by where their features lie.
"""

# N images, C channels.

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from ddag.data.image_folder import Entry
from ddag.gallery import lists
from ddag.gallery.lists import Lists
from ddag.machine.arrays import map_array, read_archive
from ddag.machine.errors import InputError
from ddag.machine.files import new_folder

log = logging.getLogger(__name__)

FEATURES, IMAGES, LISTS = "features.npy", "images.npz", "lists.npz"
ANEW = "its features are extracted anew"
BLOCK = 1 << 22  # numbers that are read or written at a time


@dataclass(frozen=True)
class Table:
    """Images and where their features lie.

    Attributes:
        folder: that holds all.
        entries: the images.
        dtype: of the features.
        lists: of the images; None where there are none.
    """

    folder: Path
    entries: Sequence[Entry]
    dtype: np.dtype
    lists: Optional[Lists] = None

    def features(self) -> np.ndarray:
        """``(N, C)``, mapped from disk; as long as they are, a file stays open."""
        return map_array(self.folder / FEATURES, remedy=ANEW)


def read(folder: Path, key: str, channels: int) -> Optional[Table]:
    """What ``write`` wrote; None if its features depend on something else than ``key`` says.

    Lists that are damaged are named and left.

    Args:
        folder: of the table.
        key: everything but the images that features depend on.
        channels: C.

    Raises:
        InputError: it is not there, or holds something else.
    """
    images = read_archive(folder / IMAGES, remedy=ANEW)
    if str(images.get("key")) != key:
        return None
    entries = _entries(images, folder / IMAGES)
    features = map_array(folder / FEATURES, remedy=ANEW)
    if features.dtype not in (np.float16, np.float32) or features.shape != (len(entries), channels):
        raise InputError(
            f"{folder / FEATURES}: holds {features.dtype} of shape {features.shape} instead of"
            f" features ({len(entries)}, {channels}); {ANEW}"
        )
    size = max(1, BLOCK // channels)
    for start in range(0, len(features), size):
        if not np.isfinite(features[start : start + size]).all():
            raise InputError(f"{folder / FEATURES}: holds numbers that are not finite; {ANEW}")
    return Table(folder, entries, features.dtype, _lists(folder, len(entries), channels))


def write(
    folder: Path,
    key: str,
    entries: Sequence[Entry],
    blocks: Iterable[np.ndarray],
    *,
    channels: int,
    dtype: np.dtype,
    arrange: Optional[Callable[[np.ndarray], Lists]] = None,
) -> Table:
    """Write a table.

    Args:
        folder: that is not there yet.
        key: as of ``read``.
        entries: N images.
        blocks: their features, ``(n, C)`` each, that make N together.
        channels: C.
        dtype: of the features on disk.
        arrange: gives lists of the images by the features, ``(N, C)``; None for no lists.

    Raises:
        InputError: the disk does not let it be written.
    """
    with new_folder(folder) as draft:
        with (draft / FEATURES).open("wb") as file:
            # Not into a mapped file: where the disk is full, that ends the process.
            header = {"descr": dtype.str, "fortran_order": False, "shape": (len(entries), channels)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
        with (draft / IMAGES).open("wb") as file:
            np.savez(file, key=np.array(key), **_arrays(entries))
        found = arrange(map_array(draft / FEATURES, remedy=ANEW)) if arrange else None
        if found:
            lists.write(draft / LISTS, found)
    return Table(folder, entries, dtype, found)


def places(tables: Sequence[Table], wanted: Sequence[Entry]) -> np.ndarray:
    """Where the wanted images stand among those of all tables, one after another."""
    every = (entry for each in tables for entry in each.entries)
    at = {entry: row for row, entry in enumerate(every)}
    return np.array([at[entry] for entry in wanted])


def merged(
    tables: Sequence[Table], rows: np.ndarray, channels: int, dtype: np.dtype
) -> Iterator[np.ndarray]:
    """Features of images at ``places`` of tables, ``(n, C)`` at a time."""
    begins = np.cumsum([0, *(len(each.entries) for each in tables)])
    size = max(1, BLOCK // channels)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        block = np.empty((len(some), channels), dtype)
        sources = np.searchsorted(begins, some, side="right") - 1
        for source in np.unique(sources):
            mask = sources == source
            block[mask] = tables[source].features()[some[mask] - begins[source]]
        yield block


def _lists(folder: Path, images: int, channels: int) -> Optional[Lists]:
    if not os.path.lexists(folder / LISTS):
        return None
    try:
        return lists.read(folder / LISTS, images, channels)
    except InputError as error:
        log.warning("The index has lost its lists: %s", error)
        return None


def _arrays(entries: Sequence[Entry]) -> dict[str, np.ndarray]:
    """Images as arrays; their names, which may hold any letter but 0, stand between zeros."""
    # An array of texts would give each the room of the longest.
    names = b"\0".join(os.fsencode(each.name) for each in entries)
    return {
        "names": np.frombuffer(names, np.uint8),
        "sizes": np.array([each.size for each in entries], np.int64),
        "changed": np.array([each.changed for each in entries], np.int64),
    }


def _entries(arrays: dict[str, np.ndarray], path: Path) -> list[Entry]:
    """The images of ``_arrays``.

    Raises:
        InputError: the arrays are others.
    """
    letters, sizes, changed = (
        arrays.get(name, np.empty(0)) for name in ("names", "sizes", "changed")
    )
    kinds = [letters.dtype, sizes.dtype, changed.dtype]
    typed = kinds == [np.uint8, np.int64, np.int64] and letters.ndim == 1
    names = letters.tobytes().split(b"\0") if typed else []
    if not names or {sizes.shape, changed.shape} != {(len(names),)}:
        raise InputError(f"{path}: holds other arrays; {ANEW}")
    return list(map(Entry, map(os.fsdecode, names), sizes.tolist(), changed.tolist()))
