"""Standard streams on which a program goes on, also where nobody is at their other end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

# Of a write: nobody reads the pipe any more; the terminal is gone.
_UNREAD = (errno.EPIPE, errno.EIO)


class Output:
    """A stream of text; once nobody is at its other end, what is written to it is dropped.

    Attributes:
        abandoned: whether it was a pipe whose reader went away.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream``, which has a file descriptor."""
        self._stream = stream
        self.abandoned = False

    def write(self, text: str) -> int:
        """Write ``text``, all of it or none."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        """Have what was written leave the program."""
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        self.abandoned = self.abandoned or error.errno == errno.EPIPE
        # What the stream still holds goes there, too, and so does what MindSpore writes by itself.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if error.errno not in _UNREAD:  # such as a disk that is full: said once
            raise error

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own."""
        return getattr(self._stream, name)


def secure() -> None:
    """Make the standard streams such; call it before anything is opened or printed.

    A file that is opened while a standard stream is closed takes its number, and what MindSpore
    prints would end up in it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = cast(TextIO, Output(sys.stdout or _nowhere("w")))
    sys.stderr = cast(TextIO, Output(sys.stderr or _nowhere("w")))


def divert(path: Path) -> None:
    """Have all that the program prints go to the end of a file, also what is no Python's.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


class Labelled:
    """A stream whose every line begins with a label; written a whole line at a time.

    Programs that share a terminal or a file so keep their lines apart. It is no terminal.
    """

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream, self._label, self._begun = stream, label, ""

    def write(self, text: str) -> int:
        """Write the lines that ``text`` ends, and keep the rest."""
        *lines, self._begun = f"{self._begun}{text}".split("\n")
        if lines:
            self._stream.write("".join(f"{self._label}{line}\n" for line in lines))
            self._stream.flush()  # at once: the lines of another may be next
        return len(text)

    def isatty(self) -> bool:
        """No: nothing is drawn over a line that another program may have written."""
        return False

    def end(self) -> None:
        """Write a last line that nothing ended."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own."""
        return getattr(self._stream, name)


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Begin each line that the block prints with ``label``."""
    before, sys.stdout = sys.stdout, cast(TextIO, Labelled(sys.stdout, label))
    try:
        yield
    finally:
        cast(Labelled, sys.stdout).end()
        sys.stdout = before


@contextmanager
def leaving() -> Iterator[None]:
    """Have all that the block prints leave the program.

    At the program's end Python would print a traceback of what goes wrong there.

    Raises:
        OSError: the disk behind the output is full.
    """
    try:
        yield
    finally:
        sys.stdout.flush()


def abandoned() -> bool:
    """Whether the program printed into a pipe whose reader went away."""
    return getattr(sys.stdout, "abandoned", False)


def _nowhere(mode: str) -> TextIO:
    # As long as the program, and so never closed.
    return cast(TextIO, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123
