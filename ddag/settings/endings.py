"""How a command ends: bad input is one line and exit code 2, a bug keeps its traceback."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ddag.machine import memory
from ddag.machine.errors import InputError, LostError
from ddag.machine.words import printable

BAD_INPUT = 2
KILLED = 128 + signal.SIGKILL
# What the disk or its rights say, wherever in a job it comes up, also where they name no file.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
_SPEAKING = (InputError, HydraException, OmegaConfBaseException)  # their texts are for the user
# Packages whose errors speak of what they were told.
_OUTSIDE = (
    "hydra.", "hydra_plugins.", "joblib.", "omegaconf.", "optuna.", "ray.", "sqlalchemy.",
    "submitit.",
)  # fmt: skip
# How OmegaConf passes on what a resolver of ours refuses.
_RESOLVING = f"{InputError.__name__} raised while resolving interpolation: "

# What is to be read for what tuning says otherwise.
_PLAIN = {
    "hydra/sweeper/optuna": 'sweep=tune: Optuna is not installed; run pip install -e ".[tune]"',
    "Record does not exist.": "sweep=tune: no trial went through; error.txt of each says why",
}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print bad input, or what Hydra says of a wrong command line, as one line and exit with 2.

    A run of which a process is lost ends with 137, as if it had been killed itself. A disk that is
    full or may not be written to ends a job as bad input does. Ctrl-C, SIGTERM and a terminal that
    is closed end it with 130, 143 and 129, temporary files removed.
    """
    # Hydra would print errors itself, cut short and with exit code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # by nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    # It asks a run to save; where none is under way there is nothing to be saved.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        yield
    except Exception as error:
        if not is_bad_input(error):
            raise
        with suppress(OSError):  # no one reads it, or the disk behind is full
            print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(KILLED if isinstance(error, LostError) else BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let the program's end be one at once where a signal asked for it or memory was lacking.

    In the middle of its work, or of its import, MindSpore cannot be ended in order: that crashes.
    """
    try:
        yield
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 0
        if code <= 128 and not memory.lacked():
            raise
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def is_bad_input(error: Exception) -> bool:
    """Whether an error's text says what is wrong with the command, its files or the disk."""
    # The last: a name that the shell's encoding has no letters for.
    if isinstance(error, (*_SPEAKING, UnicodeEncodeError)):
        return True  # first: an option that is not there is an OSError, too
    if isinstance(error, OSError):
        return error.filename is not None or error.errno in _DISK
    if isinstance(error.__cause__, OSError):  # such as of a log that cannot be opened
        return is_bad_input(error.__cause__)
    # Hydra says some things of a command line by Python's own exceptions, such as of model=0,
    # Optuna that of a study no trial went through, and SQLAlchemy that it can read none.
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].startswith(_OUTSIDE)


def one_line(error: BaseException) -> str:
    """The error's text and, where Hydra only says that something went wrong, its cause's."""
    text = str(error) or type(error).__name__
    if isinstance(error, UnicodeEncodeError):
        text = f"{error.object}: {error.encoding} has no such letters; set LC_ALL=C.UTF-8"
    cause = error.__cause__
    failed = cause if isinstance(cause, OSError) and not isinstance(error, _SPEAKING) else error
    if isinstance(failed, OSError):
        text = f"{failed.filename}: {failed.strerror}" if failed.filename else str(failed)
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        text += f"\n{error.__cause__}"
    if _RESOLVING in text:
        text = text.partition(_RESOLVING)[2].partition("\n")[0]
    text = text.partition("Config search path:")[0]
    for said, plain in _PLAIN.items():
        if said in text:
            return plain
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("object_type=")]
    return printable("; ".join(lines).replace(":; ", ": "))
