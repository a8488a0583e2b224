"""What the readers of files on disk share: lists of images, lists of numbers, folders of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Optional, Union

import numpy as np

from ddag.data.records import Records
from ddag.machine.errors import InputError
from ddag.machine.reading import read_plain, why_not
from ddag.machine.words import quoted

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}

_MOST = 1 << 28  # bytes of a list
_LONGEST_PATH = 4096  # Linux knows no longer one
_RESTORE = "restore the file from the data set"
_MAX_DIGITS = 19  # of a 64-bit number
_MAX_NUMBER = 2**63 - 1


def whole_number(word: str) -> Optional[int]:
    """The number that ``word`` is, 0 to 2**63 - 1; None where it is none."""
    if not word.isdecimal() or len(word) > _MAX_DIGITS:
        return None
    number = int(word)
    return number if number <= _MAX_NUMBER else None


def path_within(word: str, place: str) -> str:
    """The path relative to a root that ``word`` is.

    Args:
        word: of a list.
        place: what comes before it in the message.

    Raises:
        InputError: it leads out of the root, or no path is so long.
    """
    path = PurePosixPath(word)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{place}{quoted(word)}: leads out of the data set; use a path within it")
    if len(word) > _LONGEST_PATH:
        raise InputError(f"{place}{quoted(word)}: is too long for a path; {_RESTORE}")
    return str(path)


def read_text(file: Path, *, remedy: str) -> str:
    """All of a text file in UTF-8, with or without a byte order mark.

    Args:
        file: that someone else may have written.
        remedy: what to do where there is no such file, for the message.

    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        content = read_plain(file, most=_MOST)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {why_not(error)}; {remedy}") from error
    fault, wrong = "holds a NUL byte", content.find(b"\0")
    if wrong < 0:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            fault, wrong = "is not UTF-8", error.start
    line = content.count(b"\n", 0, wrong) + 1
    raise InputError(f"{file}:{line}: {fault}; save it as text in UTF-8")


def read_labelled(file: Path) -> list[tuple[str, int]]:
    """Path within the data set and label of each image that a list names, in its order.

    A line is ``Visible/12/name.bmp 7``; names may hold blanks, and blank lines are passed over.

    Raises:
        InputError: a malformed line, by its number, or none at all.
    """
    text = read_text(file, remedy=_RESTORE)
    entries = [
        _parse_labelled(line, f"{file}:{number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not entries:
        raise InputError(f"{file}: names no image; {_RESTORE}")
    return entries


def read_identities(file: Path) -> list[int]:
    """The identities that a list of comma-separated numbers names, rising.

    Raises:
        InputError: it holds none or something else.
    """
    text = read_text(file, remedy=_RESTORE)
    words = text.replace(",", " ").split()
    wrong = [word for word in words if whole_number(word) is None]
    if wrong or not words:
        fault = f"{quoted(wrong[0])} is not an identity" if wrong else "names no identity"
        raise InputError(f"{file}: {fault}; write whole numbers separated by commas")
    return sorted({int(word) for word in words})


def require_file(root: Path, place: str, layout: str) -> Path:
    """A file of a data set.

    Args:
        root: folder of the data set.
        place: of the file below it.
        layout: what the folder must hold, for the message.

    Raises:
        InputError: there is no such folder, or no such file in it.
    """
    if not root.is_dir():
        raise InputError(f"dataset.root={root}: no such folder; {layout}")
    if not (root / place).is_file():
        raise InputError(f"dataset.root={root}: {place} is missing there; {layout}")
    return root / place


def refuse_missing(labels: np.ndarray, records: Records, file: Path) -> None:
    """Refuse a training list of one modality in which one of the ``labels`` of both has no image.

    Args:
        labels: of both modalities.
        records: of one.
        file: that lists them.

    Raises:
        InputError: which.
    """
    missing = np.setdiff1d(labels, records.identities)
    if len(missing):
        raise InputError(
            f"{file}: identity {missing[0]} has no {records.modality.value} image here, but one"
            " in the other modality; restore the file from the data set"
        )


def list_images(folder: Path) -> list[str]:
    """Paths of the images in a folder, by name; none where there is no such folder.

    Hidden files, and files that are no images by their ending, are passed over.
    """
    if not folder.is_dir():
        return []
    names = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    return [str(folder / name) for name in names if not name.startswith(".")]


def list_strays(cameras: Iterable[Path], is_person: Callable[[str], bool]) -> list[str]:
    """What lies in the folders of cameras and is passed over, by path.

    Args:
        cameras: folders of cameras, with a folder for each person in them.
        is_person: whether a folder has the name of somebody in the data set.
    """
    found = []
    for camera in cameras:
        for person in sorted(camera.iterdir()):
            if not (person.is_dir() and is_person(person.name)):
                found.append(str(person))
                continue
            taken = set(list_images(person))
            found += [str(file) for file in sorted(person.iterdir()) if str(file) not in taken]
    return found


def relabel(records: Records, identities: Union[np.ndarray, Sequence[int]]) -> Records:
    """The records with each identity's place among the rising ``identities`` in its stead."""
    return replace(records, identities=np.searchsorted(identities, records.identities))


def _parse_labelled(line: str, place: str) -> tuple[str, int]:
    words = line.strip().rsplit(maxsplit=1)
    label = whole_number(words[-1]) if len(words) == 2 else None
    if label is None:
        raise InputError(
            f"{place}: {quoted(line.strip())} is not a path, a blank and a whole number; {_RESTORE}"
        )
    return path_within(words[0], f"{place}: "), label
