"""A plain folder of images, and their features, kept in a file from one search to the next."""

# N images, C channels.

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddag.data import images as image_files
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.files import replacing

log = logging.getLogger(__name__)

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


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

    Raises:
        InputError: no image can be read.
    """
    kept = _read(cache, key)
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


def _read(path: Path, key: str) -> dict[Entry, np.ndarray]:
    if not path.is_file():
        return {}
    try:
        # Opened here: numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return {}
            columns = (arrays[name].tolist() for name in Entry._fields)
            known = [Entry(*row) for row in zip(*columns)]
            values = arrays["features"]
        if values.ndim != 2 or len(values) != len(known):
            raise ValueError("its arrays differ in length")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s is damaged (%s): all features are extracted anew", path, error)
        return {}
    return dict(zip(known, values))


def _write(path: Path, key: str, known: dict[Entry, np.ndarray]) -> None:
    names, sizes, changed = zip(*known)
    try:
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
    except OSError as error:
        log.warning("%s cannot be written (%s): the next search extracts anew", path, error)
