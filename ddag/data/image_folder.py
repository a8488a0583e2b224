"""A plain folder of images, and their features, kept in a file from one search to the next."""

# N images, C channels.

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddag.data import images as image_files
from ddag.machine.arrays import read_archive
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.files import remove_drafts, replacing

log = logging.getLogger(__name__)

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")

_ANEW = "all features are extracted anew"


class Entry(NamedTuple):
    """A file, and what tells it from another that was in its place before."""

    name: str  # its path within the folder
    size: int  # bytes
    changed: int  # nanoseconds since 1970


def list_images(root: Path) -> list[Entry]:
    """The images in a folder and the folders in it, by name; hidden ones are passed over.

    Raises:
        InputError: no such folder, or no file in it is an image by its ending.
    """
    if not root.is_dir():
        raise InputError(f"job.gallery={root}: no such folder; name a folder of images")
    found = []
    for place, folders, files in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in files:
            file = Path(place, name)
            if not name.startswith(".") and name.lower().endswith(SUFFIXES) and file.is_file():
                status = file.stat()
                within = file.relative_to(root).as_posix()
                found.append(Entry(within, status.st_size, status.st_mtime_ns))
    if not found:
        endings = ", ".join(SUFFIXES)
        raise InputError(f"job.gallery={root}: holds no image; names must end in {endings}")
    return sorted(found)


def features(
    root: Path,
    held: Sequence[Entry],
    extract: Callable[[list[str]], np.ndarray],
    *,
    cache: Path,
    key: str,
    channels: int,
) -> dict[Entry, np.ndarray]:
    """Features ``(C,)`` of the images of a folder; those that cannot be read are named and left.

    Args:
        root: the folder.
        held: its images.
        extract: gives the ``(N, C)`` features of images by their paths.
        cache: file that keeps the features; only images that it does not know as they are now
            are extracted.
        key: everything but the images that features depend on. Under another key the file
            counts for nothing.
        channels: C.

    Raises:
        InputError: no image can be read.
    """
    kept = _read(cache, key, channels)
    new = [each for each in held if each not in kept]
    found = _readable(root, new)
    log.info("%d of the %d images in %s to be extracted", len(found), len(held), root)
    known = {each: kept[each] for each in held if each in kept}
    if found:
        known.update(zip(found, extract(list(found.values()))))
    if not known:
        raise InputError(
            f"job.gallery={root}: none of its {len(held)} images can be read (named above);"
            " restore them"
        )
    if known.keys() != kept.keys():
        _write(cache, key, known)
    return known


def _readable(root: Path, entries: Sequence[Entry]) -> dict[Entry, str]:
    """Paths of those that can be decoded; the others are named."""
    paths = {each: str(root / each.name) for each in entries}
    with bar("reading images", len(paths)) as advance:
        broken = dict(image_files.unreadable(list(paths.values()), advance=advance))
    for path, reason in broken.items():
        log.warning("Passed over: %s: %s", path, reason)
    return {each: path for each, path in paths.items() if path not in broken}


def _read(path: Path, key: str, channels: int) -> dict[Entry, np.ndarray]:
    if not os.path.lexists(path):
        return {}
    try:
        arrays = read_archive(path, remedy=_ANEW)
        return _to_features(arrays, path, channels) if str(arrays.get("key")) == key else {}
    except InputError as error:
        log.warning("The file of kept features is damaged: %s", error)
        return {}


def _to_features(
    arrays: Mapping[str, np.ndarray], path: Path, channels: int
) -> dict[Entry, np.ndarray]:
    """What ``_write`` wrote.

    Raises:
        InputError: it is something else.
    """
    names, sizes, changed, values = (
        arrays.get(name, np.empty(0)) for name in (*Entry._fields, "features")
    )
    count = len(values) if values.ndim == 2 else 0
    kinds = "".join(each.dtype.kind for each in (names, sizes, changed, values))
    shapes = {each.shape for each in (names, sizes, changed)}
    if kinds != "Uiif" or shapes != {(count,)} or values.shape != (count, channels):
        raise InputError(f"{path}: holds other arrays; {_ANEW}")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds numbers that are not finite; {_ANEW}")
    entries = map(Entry, names.tolist(), sizes.tolist(), changed.tolist())
    return dict(zip(entries, values.astype(np.float32)))


def _write(path: Path, key: str, known: dict[Entry, np.ndarray]) -> None:
    names, sizes, changed = zip(*known)
    try:
        if path.parent.is_symlink():  # in a run folder of someone else's
            raise InputError(f"{path.parent}: leads elsewhere, where nothing is written")
        remove_drafts(path.parent)
        with replacing(path) as draft:
            np.savez(
                draft,
                key=np.array(key),
                name=np.array(names),
                size=np.array(sizes, np.int64),
                changed=np.array(changed, np.int64),
                features=np.stack(list(known.values())),
            )
        log.info("Features kept in %s for the next search", path)
    except InputError as error:
        log.warning("%s: the next search extracts anew", error)
