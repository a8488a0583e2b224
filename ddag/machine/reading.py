"""Files that someone else may have written: only plain ones are opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Union


def open_plain(path: Union[str, Path]) -> BinaryIO:
    """The file at ``path``, opened to be read; no pipe, socket or device, which may keep waiting.

    Raises:
        OSError: it cannot be opened, or is none; ``why_not`` says it in words.
        ValueError: no file can have this name.
    """
    _refuse_special(Path(path).stat().st_mode)  # opening a device may do something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _refuse_special(os.fstat(descriptor).st_mode)  # another may lie there by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: Union[str, Path], *, most: int) -> bytes:
    """The bytes of the file at ``path``.

    Raises:
        OSError: as ``open_plain``, or they are more than ``most``.
        ValueError: no file can have this name.
    """
    with open_plain(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"is larger than {most >> 20} MB")
    return content


def why_not(error: Exception) -> str:
    """Why a file could not be opened or read, in words that follow its name."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "no such file"
    if isinstance(error, PermissionError):
        return "may not be read"
    reason = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return reason if reason.startswith("is ") else f"cannot be read ({reason})"


def _refuse_special(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a pipe, a socket or a device, not a file")
