"""How a command ends: bad input is one line and exit code 2, a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ddag.machine.errors import InputError

BAD_INPUT = 2
# What the disk or its rights say, wherever in a job it comes up.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)

# What is to be read for what tuning says otherwise.
_PLAIN = {
    "hydra/sweeper/optuna": 'sweep=tune: Optuna is not installed; run pip install -e ".[tune]"',
    "Record does not exist.": "sweep=tune: no trial went through; error.txt of each says why",
}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print bad input, or what Hydra says of a wrong command line, as one line and exit with 2.

    A disk that is full or may not be written to ends a job in the same way. Ctrl-C and SIGTERM end
    it with 130 and 143, temporary files removed.
    """
    # Hydra would print errors itself, cut short and with exit code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # It asks a run to save; where none is under way there is nothing to be saved.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        yield
    except Exception as error:
        if not is_bad_input(error):
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def is_bad_input(error: Exception) -> bool:
    """Whether an error's text says what is wrong with the command, its files or the disk."""
    if isinstance(error, (InputError, HydraException, OmegaConfBaseException)):
        return True  # first: an option that is not there is an OSError, too
    if isinstance(error, OSError):
        return error.errno in _DISK
    # Hydra says some things of a command line by Python's own exceptions, such as of model=0, and
    # Optuna that of a study no trial went through.
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].startswith(("hydra.", "omegaconf.", "optuna."))


def one_line(error: BaseException) -> str:
    """The error's text and, where Hydra only says that something went wrong, its cause's."""
    text = str(error)
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        text += f"\n{error.__cause__}"
    text = text.partition("Config search path:")[0]
    for said, plain in _PLAIN.items():
        if said in text:
            return plain
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("object_type=")]
    return "; ".join(lines).replace(":; ", ": ")
