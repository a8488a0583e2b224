"""A process that is killed at a chosen call of the system; imports nothing that takes long."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def die_at(event: str, count: int, *, where: str) -> None:
    """Have this process be gone at a call of the system, as if it had been killed there.

    Args:
        event: Python's name of the call, see ``sys.addaudithook``.
        count: such calls that it survives.
        where: part of the paths whose calls count.
    """
    left = count

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if name == event and where in str(arguments[0]):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
