"""Image files decoded and resized as the authors' release does it: Pillow, RGB, LANCZOS."""

# N images, H x W pixels.

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

import numpy as np
from PIL import Image

from ddag.data.records import Records
from ddag.machine.errors import InputError
from ddag.machine.reading import open_plain, why_not
from ddag.machine.threads import in_threads

# Pillow goes by what a file holds, not by its name, and runs other programs for some formats.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 1 << 26  # 67 million; decoding takes memory in proportion
MOST_BYTES = 1 << 28  # of a file

# It warns of what it makes nothing of, lines that tell no file's name.
warnings.filterwarnings("ignore", module=r"PIL\.")

log = logging.getLogger(__name__)


def read_image(path: Union[str, Path], *, height: int, width: int) -> np.ndarray:
    """The image at ``path``, ``(H, W, 3)`` uint8 RGB.

    Raises:
        InputError: the file is missing, empty, truncated or not an image of ``FORMATS``.

    Source:
        pre_process_sysu.py and data_loader.py of the authors' release; their ``Image.ANTIALIAS``
        is LANCZOS.
    """
    try:
        image = _decode(path)
    except Exception as error:  # whatever Pillow makes of arbitrary bytes
        raise InputError(f"{path}: {_reason(error)}; restore the file from the data set") from error
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def read_sent(content: bytes, *, height: int, width: int, most: int = MOST_PIXELS) -> np.ndarray:
    """An image that someone sent, ``(H, W, 3)`` uint8 RGB; as ``read_image`` reads it from a file.

    Args:
        content: of its file.
        height: in pixels, as is ``width``.
        width: of the result.
        most: pixels that it may have.

    Raises:
        InputError: it is empty, truncated, too large or no image of ``FORMATS``.
    """
    try:
        _refuse_size(len(content))
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width_before, height_before = image.size
            _refuse_bomb(width_before, height_before, most)
            whole = _to_rgb(image)
    except Exception as error:  # whatever Pillow makes of arbitrary bytes
        raise InputError(f"image: {_reason(error)}; send another") from error
    return np.array(whole.resize((width, height), Image.Resampling.LANCZOS))


def read_small(path: Union[str, Path], *, side: int) -> Image.Image:
    """The image at ``path`` in RGB, made smaller where a side is longer than ``side`` pixels.

    Raises:
        InputError: as ``read_image``.
    """
    try:
        image = _decode(path)
    except Exception as error:  # whatever Pillow makes of arbitrary bytes
        raise InputError(f"{path}: {_reason(error)}; restore the file") from error
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def resize(pixels: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """An image at hand at another size, ``(height, width, 3)`` uint8 RGB, as ``read_image`` does.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB.
        height: in pixels, as is ``width``.
        width: of the new size.

    Raises:
        InputError: it is no such array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            f"image: an array of shape {pixels.shape} and type {pixels.dtype}; give (H, W, 3) uint8"
        )
    image = Image.fromarray(pixels)
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def read_images(paths: Sequence[str], *, height: int, width: int) -> Iterator[np.ndarray]:
    """The images one after another, ``(H, W, 3)`` uint8 each, decoded in threads.

    Raises:
        InputError: as ``read_image``, at the first such file.
    """
    return in_threads(lambda path: read_image(path, height=height, width=width), paths)


def load(
    records: Records,
    *,
    height: int,
    width: int,
    skip_broken: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Records:
    """The same records with ``pixels`` in memory.

    Args:
        records: images on disk.
        height: of the images in memory, in pixels.
        width: in pixels.
        skip_broken: leave out and log the images that cannot be read.
        advance: called after each image.

    Raises:
        InputError: images cannot be read, and are not to be skipped; or none can.
    """

    def read(path: str) -> Union[np.ndarray, str]:
        try:
            return read_image(path, height=height, width=width)
        except InputError as error:
            return str(error)

    pixels = np.empty((len(records), height, width, 3), np.uint8)
    broken = {}
    for row, found in enumerate(in_threads(read, records.paths.tolist())):
        if isinstance(found, str):
            broken[records.paths[row]] = found
        else:
            pixels[row] = found
        advance()
    whole = replace(records, pixels=pixels)
    mask = _without(broken, records, skip_broken)
    return whole.select(mask) if broken else whole  # a selection copies


def readable(
    records: Records, *, skip_broken: bool, advance: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Which images can be decoded, ``(N,)`` bool; ``skip_broken``, ``advance`` as in ``load``.

    Raises:
        InputError: as ``load``.
    """
    found = unreadable(records.paths.tolist(), advance=advance)
    return _without({path: f"{path}: {why}" for path, why in found}, records, skip_broken)


def unreadable(
    paths: Sequence[str], *, advance: Callable[[], None] = lambda: None
) -> list[tuple[str, str]]:
    """The files that cannot be decoded, each with the reason; ``advance`` as in ``load``."""
    found = []
    for path, reason in zip(paths, in_threads(_why_unreadable, paths)):
        if reason:
            found.append((path, reason))
        advance()
    return found


def _without(broken: dict[str, str], records: Records, skip: bool) -> np.ndarray:
    """Which images are not ``broken``, ``(N,)`` bool; raises for those that are, or logs them."""
    mask = ~np.isin(records.paths, list(broken))
    if not broken:
        return mask
    first = next(iter(broken.values()))
    if not skip:
        count = f"{len(broken)} such images of {len(records)}"
        raise InputError(f"{first} ({count}), or leave them out with data.broken=skip")
    for reason in broken.values():
        log.warning("Skipped: %s", reason)
    if not mask.any():
        raise InputError(f"{first}; none of {len(records)} images can be read")
    return mask


class _NotAnImageError(ValueError):
    """What is wrong with a file before it is decoded, in words that follow its name."""


def _decode(path: Union[str, Path]) -> Image.Image:
    """The image in RGB; raises whatever Pillow makes of a broken one."""
    with open_plain(path) as file:
        _refuse_size(os.fstat(file.fileno()).st_size)
        with Image.open(file, formats=FORMATS) as image:
            _refuse_bomb(*image.size)
            return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey, which Pillow would clip at 255 instead of scaling.
        grey = np.asarray(image) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info:
        # Pillow warns when a transparent palette goes to RGB directly.
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _refuse_size(size: int) -> None:
    if not size:
        raise _NotAnImageError("is empty (0 bytes)")
    if size > MOST_BYTES:
        raise _NotAnImageError(f"holds {size >> 20} MB, more than {MOST_BYTES >> 20}")


def _refuse_bomb(width: int, height: int, most: int = MOST_PIXELS) -> None:
    if width * height > most:
        raise _NotAnImageError(f"unfolds to {width} x {height} pixels, more than {most:,}")


def _why_unreadable(path: str) -> Optional[str]:
    try:
        _decode(path)
    except Exception as error:  # whatever Pillow makes of arbitrary bytes
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, IsADirectoryError):
        return "is a folder, not an image"
    if isinstance(error, Image.UnidentifiedImageError):
        return "is not an image of JPEG, PNG, BMP, TIFF, WebP or PPM"
    if isinstance(error, _NotAnImageError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return why_not(error)
    return f"cannot be decoded ({' '.join(str(error).split()) or type(error).__name__})"
