"""Which camera took each image of a gallery, and when: by a table in its folder, or by its name."""

# N images.

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from ddag.machine import border
from ddag.machine.errors import InputError
from ddag.machine.words import quoted, shortened

TABLE = "gallery.csv"  # in the gallery's folder
_MOST = 1 << 28  # bytes of it
_LONGEST = 40  # letters of a camera's name
_NEVER = np.datetime64("NaT", "s")
_REMEDY = "its columns are path and camera, time or both"

# cam3/0001.jpg, camera_03.jpg, 0002_c1s1_000451_03.jpg, 0007_c04_s12.png
_CAMERA = re.compile(r"(?<![a-z0-9])(?:camera|cam|c)[_-]?(\d{1,4})(?=s\d|[^a-z0-9]|$)", re.I)
# 2024-05-17_13-45-02, 20240517T134502, 2024-05-17 13.45, 20240517
_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)"
    r"(?:[ tT_.-]?(\d\d)[-_.:hH]?(\d\d)(?:[-_.:mM]?(\d\d))?)?(?!\d)"
)


class Wanted(NamedTuple):
    """What a search is narrowed to.

    Attributes:
        cameras: of which an image is by one; empty for any.
        since: from when on; None for any time.
        until: up to when, that second included.
    """

    cameras: tuple[str, ...] = ()
    since: Optional[datetime] = None
    until: Optional[datetime] = None


@dataclass(frozen=True)
class Labels:
    """Camera and time of N images.

    Attributes:
        cameras: the cameras' names, in order.
        camera: ``(N,)`` int32, places in ``cameras``; -1 where it is not known.
        times: ``(N,)`` datetime64[s], as a clock at the camera would show it; NaT likewise.
    """

    cameras: tuple[str, ...]
    camera: np.ndarray
    times: np.ndarray

    def camera_of(self, row: int) -> Optional[str]:
        """The camera's name."""
        place = int(self.camera[row])
        return None if place < 0 else self.cameras[place]

    def time_of(self, row: int) -> Optional[str]:
        """When it was, in ISO 8601."""
        time = self.times[row]
        return None if np.isnat(time) else str(time)

    @property
    def span(self) -> Optional[tuple[str, str]]:
        """The first and the last time; None where none is known."""
        known = self.times[~np.isnat(self.times)]
        return (str(known.min()), str(known.max())) if len(known) else None

    def rows(self, wanted: Wanted) -> Optional[np.ndarray]:
        """The images that a search is narrowed to, rising; None for all of them.

        Raises:
            InputError: there is no such camera.
        """
        if wanted == Wanted():
            return None
        mask = np.ones(len(self.camera), bool)
        if wanted.cameras:
            mask &= np.isin(self.camera, [self._place(name) for name in wanted.cameras])
        # A comparison with NaT is false: what has no time is in no span.
        if wanted.since is not None:
            mask &= self.times >= np.datetime64(wanted.since.replace(tzinfo=None), "s")
        if wanted.until is not None:
            mask &= self.times <= np.datetime64(wanted.until.replace(tzinfo=None), "s")
        return np.flatnonzero(mask)

    def _place(self, name: str) -> int:
        if name not in self.cameras:
            known = ", ".join(self.cameras[:10]) or "none is known in this gallery"
            raise InputError(f"camera={quoted(name)}: no such camera; use one of {known}")
        return self.cameras.index(name)


def read(root: Path, names: Sequence[str]) -> Labels:
    """Camera and time of images: what the gallery's table says, else what their names do.

    Args:
        root: the gallery's folder.
        names: of the images, within it.

    Raises:
        InputError: the table cannot be read, or a line of it does not fit.
    """
    told = _read_table(root / TABLE) if os.path.lexists(root / TABLE) else {}
    cameras, times = [], []
    for name in names:
        camera, time = told.get(name, (None, None))
        cameras.append(camera_in(name) if camera is None else camera)
        times.append(time_in(name) if time is None else time)
    known = sorted({each for each in cameras if each is not None}, key=_natural)
    places = {camera: place for place, camera in enumerate(known)}
    return Labels(
        tuple(known),
        np.array([-1 if each is None else places[each] for each in cameras], np.int32),
        np.array([_NEVER if each is None else each for each in times], "datetime64[s]"),
    )


def camera_in(name: str) -> Optional[str]:
    """The number of the camera that a file's path tells, the last such in it."""
    found = _CAMERA.findall(name)
    return str(int(found[-1])) if found else None


def time_in(name: str) -> Optional[datetime]:
    """The time that a file's path tells, the last in it that a calendar has; midnight by a day."""
    for found in reversed(list(_TIME.finditer(name))):
        year, month, day, hour, minute, second = map(int, found.groups("0"))
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:  # such as a 31st of February
            continue
    return None


def _read_table(file: Path) -> dict[str, tuple[Optional[str], Optional[datetime]]]:
    text = border.read_text(file, _MOST).lstrip("\ufeff")
    told = {}
    for line, cells in _lines(file, text):
        camera = shortened(cells.get("camera", ""), _LONGEST) or None
        told[cells["path"]] = (camera, _to_time(cells.get("time", ""), f"{file}:{line}"))
    return told


def _lines(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and cells by column of each line that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    with border.taking(file, "table of a gallery", _REMEDY):
        names = [cell.strip().lower() for cell in next(reader, [])]
    if "path" not in names or not {"camera", "time"} & set(names):
        raise InputError(f"{file}:1: has other columns: {quoted(', '.join(names))}; {_REMEDY}")
    while True:
        with border.taking(file, "table of a gallery", "see whether its quotes are closed"):
            cells = next(reader, None)
        if cells is None:
            return
        if len(cells) not in (0, len(names)):
            raise InputError(
                f"{file}:{reader.line_num}: has {len(cells)} cells, the first line {len(names)};"
                " put what holds a comma in quotes"
            )
        if cells:
            yield reader.line_num, dict(zip(names, (cell.strip() for cell in cells)))


def _to_time(cell: str, place: str) -> Optional[datetime]:
    if not cell:
        return None
    try:
        return datetime.fromisoformat(cell[:-1] if cell.endswith("Z") else cell).replace(
            microsecond=0, tzinfo=None
        )
    except ValueError as error:
        raise InputError(
            f"{place}: time={quoted(cell)}: is no time; write it like 2024-05-17T13:45:02"
        ) from error


def _natural(name: str) -> tuple[int, str]:
    """Numbers by size, and before words."""
    return (int(name) if name.isdecimal() else 1 << 62, name)
