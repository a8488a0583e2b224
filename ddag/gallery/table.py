"""Images with their features as a folder on disk: whole, or not there.

It holds ``features.npy``, ``(N, C)`` float16 or float32, and ``images.npz``: name, size and time
of each image, and what the features depend on.
"""

# N images, C channels.

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from ddag.data.image_folder import Entry
from ddag.machine.arrays import map_array, read_archive
from ddag.machine.errors import InputError
from ddag.machine.files import new_folder

FEATURES, IMAGES = "features.npy", "images.npz"
ANEW = "its features are extracted anew"
BLOCK = 1 << 22  # numbers that are read or written at a time


@dataclass(frozen=True)
class Table:
    """Images and where their features lie.

    Attributes:
        folder: that holds both.
        entries: the images.
        dtype: of the features.
    """

    folder: Path
    entries: Sequence[Entry]
    dtype: np.dtype

    def features(self) -> np.ndarray:
        """``(N, C)``, mapped from disk; as long as they are, a file stays open."""
        return map_array(self.folder / FEATURES, remedy=ANEW)


def read(folder: Path, key: str, channels: int) -> Optional[Table]:
    """What ``write`` wrote; None if its features depend on something else than ``key`` says.

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
    return Table(folder, entries, features.dtype)


def write(
    folder: Path,
    key: str,
    entries: Sequence[Entry],
    blocks: Iterable[np.ndarray],
    *,
    channels: int,
    dtype: np.dtype,
) -> Table:
    """Write a table.

    Args:
        folder: that is not there yet.
        key: as of ``read``.
        entries: N images.
        blocks: their features, ``(n, C)`` each, that make N together.
        channels: C.
        dtype: of the features on disk.

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
    return Table(folder, entries, dtype)


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
