"""A plain folder of images."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ddag.machine.errors import InputError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


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
        within = Path(place).relative_to(root)
        for name in files:
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                continue
            with suppress(OSError):  # it may go away meanwhile
                status = Path(place, name).stat()
                if stat.S_ISREG(status.st_mode):
                    path = (within / name).as_posix()
                    found.append(Entry(path, status.st_size, status.st_mtime_ns))
    if not found:
        endings = ", ".join(SUFFIXES)
        raise InputError(f"job.gallery={root}: holds no image; names must end in {endings}")
    return sorted(found)
