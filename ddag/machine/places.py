"""Places for processes that run at the same time on one machine: each holds one until it ends."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path

FOLDER = ".places"
_PAUSE = 0.1  # seconds
_held: list[object] = []  # a lock that nothing refers to would be given up


@cache
def take(folder: Path, count: int) -> int:
    """The number of a place, from 0 on, that no other process holds; waits until there is one.

    It is this process's to its end, however that comes: a lock on a file goes with its process.
    Only processes that may use the same processors of the same machine share places, so that those
    a scheduler has set apart already do not wait for each other.

    Args:
        folder: that all of them know, also on several machines.
        count: of places.
    """
    from filelock import FileLock, Timeout  # not for --help, which passes here

    here = folder / f"{socket.gethostname()}-{_allowed():x}"
    here.mkdir(parents=True, exist_ok=True)
    while True:
        for number in range(count):
            lock = FileLock(here / f"{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            _held.append(lock)
            return number
        time.sleep(_PAUSE)


def _allowed() -> int:
    """The processors that this process may use, a bit each; 0 where the system does not say."""
    allowed = getattr(os, "sched_getaffinity", None)
    return sum(1 << each for each in allowed(0)) if allowed else 0
