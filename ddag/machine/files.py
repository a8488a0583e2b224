"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from ddag.machine.errors import InputError

LOCK = ".lock"


@contextmanager
def replacing(path: Path, previous: Optional[Path] = None) -> Iterator[Path]:
    """A temporary path to write to; it takes the place of ``path`` once the block is through.

    If the block raises, the temporary file is removed and ``path`` stays as it was. At no moment,
    not even of a power failure, is there neither the old nor the new file. Temporary files that
    killed writers of ``path`` left are removed first.

    Args:
        path: of the file.
        previous: where the file that was at ``path`` goes, if it is to be kept.

    Raises:
        InputError: the disk, or what lies there, does not let it be written.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # MindSpore writes a file of its own, .tmp, and moves it to where it was told to write.
        with drafting(path.parent, rf"\.{stem}\.\d+({suffix}|\.tmp)"):
            draft.unlink(missing_ok=True)  # someone else's may lead elsewhere
            yield draft
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            if previous is not None and path.exists():
                path.replace(previous)
            draft.replace(path)
            _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); make room or allow it"
        ) from error
    finally:
        with suppress(OSError):  # not even its folder is there
            draft.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to write files into; it becomes ``path`` once the block is through.

    If the block raises, it is removed. At no moment is ``path`` there with less than all files.

    Args:
        path: of a folder that is not there.

    Raises:
        InputError: the disk, or what lies there, does not let it be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with drafting(path.parent, r"\..*\.\d+\.draft"):
            try:
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir()
                yield draft
                for each in draft.iterdir():
                    with each.open("rb") as file:
                        os.fsync(file.fileno())
                _sync_folder(draft)
                draft.rename(path)
                _sync_folder(path.parent)
            finally:
                shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which file it is that the block cannot write.

    Raises:
        InputError: the disk, or what lies there, does not let it be written.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error}); make room or allow it") from error


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8; what that cannot hold, such as half of a letter, becomes a ``?``.

    Raises:
        InputError: as ``replacing``.
    """
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")


def remove_drafts(folder: Path) -> None:
    """Remove the temporary files, whatever their names, that killed writers left in ``folder``.

    Not where it leads elsewhere: others' files may have such names.
    """
    if folder.is_dir() and not folder.is_symlink():
        with drafting(folder, r"\..*\.\d+\.[^.]*"):
            pass


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def drafting(folder: Path, names: str) -> Iterator[None]:
    """Tell other processes that a draft is being written into ``folder``, while in the block.

    Before it, drafts that nobody writes any more are removed: those that are there while no process
    is in such a block. The system knows that by locks on the folder, which end with their process,
    however it ends. Where the file system has no locks, nothing is removed.

    Args:
        folder: that exists.
        names: regular expression of the names of the drafts, files or folders.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove(folder, names)
        _lock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from claiming ``folder`` until the block is through, or this one dies.

    Raises:
        InputError: another process has claimed it.
    """
    from filelock import FileLock, Timeout  # not for --help, which passes here

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / LOCK, timeout=0).acquire()
    except Timeout as error:
        raise InputError(
            f"{folder}: another process is at work there; wait for it, or choose another folder"
        ) from error
    with lock:
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def require_writable(folder: Path, setting: str) -> None:
    """Make a folder, unless it is there, and see that files can be written into it.

    Raises:
        InputError: they cannot; the setting that chose the folder is named.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{setting}={folder}: cannot be written to ({error.strerror}); name another folder"
        ) from error


def _lock(descriptor: int, how: int) -> bool:
    """Whether the lock could be had; False where others have it or there is no such thing."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _remove(folder: Path, names: str) -> None:
    for draft in folder.iterdir():
        if re.fullmatch(names, draft.name):
            remove(draft)


def _sync_folder(folder: Path) -> None:
    """Have the folder's own entries on disk: a rename is one of them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
