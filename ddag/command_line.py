"""How a command ends: bad input is one line and exit code 2, a bug keeps its traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ddag.errors import InputError

BAD_INPUT = 2


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an InputError, or what Hydra says of a wrong command line, as one line."""
    # Hydra would print errors itself, cut short and with exit code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except (InputError, HydraException, OmegaConfBaseException) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith("object_type="))
