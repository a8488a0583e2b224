"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from ddag.machine.errors import InputError


@contextmanager
def replacing(path: Path, previous: Optional[Path] = None) -> Iterator[Path]:
    """A temporary path to write to; it takes the place of ``path`` once the block is through.

    If the block raises, the temporary file is removed and ``path`` stays as it was. At no moment,
    not even of a power failure, is there neither the old nor the new file.

    Args:
        path: of the file.
        previous: where the file that was at ``path`` goes, if it is to be kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)
        draft.replace(path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove what writers that were killed left of their temporary files."""
    for draft in folder.glob(".*.[0-9]*.*"):
        draft.unlink(missing_ok=True)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from claiming ``folder`` until the block is through, or this one dies.

    Raises:
        InputError: another process has claimed it.
    """
    from filelock import FileLock, Timeout  # not for --help, which passes here

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / ".lock", timeout=0).acquire()
    except Timeout as error:
        raise InputError(
            f"{folder}: another process is training there; wait for it, or choose another folder"
        ) from error
    with lock:
        yield


def _sync_folder(folder: Path) -> None:
    """Have the folder's own entries on disk: a rename is one of them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
