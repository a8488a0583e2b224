"""Images of a gallery as a page shows them: small, without what their files say beside pixels."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path, PurePosixPath

from ddag.data.images import read_small
from ddag.machine.errors import InputError

SIDE = 320  # pixels, at most
_QUALITY = 85


def place(root: Path, name: str) -> Path:
    """Where an image of a gallery lies.

    Raises:
        InputError: its name leads out of the gallery.
    """
    within = PurePosixPath(name)
    if within.is_absolute() or ".." in within.parts:
        raise InputError("image: leads out of the gallery; build the index anew")
    return root / within


def tag(path: Path) -> str:
    """What tells the image at ``path``, as it is now, from any other; an ETag.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    words = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{SIDE}"
    return f'"{hashlib.sha256(os.fsencode(words)).hexdigest()[:32]}"'


def draw(path: Path) -> bytes:
    """The image at ``path`` as a JPEG; made from its pixels alone.

    Raises:
        InputError: it cannot be read.
    """
    image, file = read_small(path, side=SIDE), io.BytesIO()
    image.info.clear()  # comments and profiles, which Pillow would write again
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
