"""How much memory there is; and too little of it, told apart from other failures.

MindSpore and NumPy each say that their way.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

MEMINFO = Path("/proc/meminfo")  # in kB
# Of a container, by version 2 of Linux's control groups and by version 1.
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

# What MindSpore, oneDNN, C++ and NumPy say of it, also in an exception that wraps theirs. The last
# is said of a thread for whose stack there is no room.
_SAID = re.compile(
    r"memory (not|isn't) enough|out of memory|bad_alloc|alloc failed|allocate memory"
    r"|unable to allocate|could not create a (primitive|memory)|could not execute a primitive"
    r"|Resource temporarily unavailable",
    re.IGNORECASE,
)
_NEEDED = re.compile(r"(?:alloc size|Unable to allocate):? ([\d.]+) ?([KMGTPE]?)i?B", re.IGNORECASE)
_WORTH_SAYING = 1 << 20  # bytes: a few that were not there say nothing of what was
_lacked: list[BaseException] = []


def available() -> int:
    """Bytes that programs may still take; 0 where the system does not say it."""
    return _meminfo("MemAvailable")


def total() -> int:
    """Bytes that the machine has; 0 where the system does not say it."""
    return _meminfo("MemTotal")


def limit() -> Optional[int]:
    """Bytes that a container may take in all; None where it may take what there is."""
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number
            allowed = int(file.read_text(encoding="ascii"))
            return allowed if allowed < (total() or allowed) else None
    return None


def _meminfo(name: str) -> int:
    with suppress(OSError, ValueError, IndexError):
        text = MEMINFO.read_text(encoding="ascii")
        return int(text.partition(f"{name}:")[2].split()[0]) * 1024
    return 0


def lacked() -> bool:
    """Whether memory has been found lacking in this process."""
    return bool(_lacked)


def is_lacking(error: BaseException) -> bool:
    """Whether something failed because memory did not suffice."""
    found = (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None)
    )
    if found:
        _lacked.append(error)
    return found


def needed(error: BaseException) -> str:
    """How much was asked for at once, such as ``1.6 GB``; empty where that is not known."""
    found = _NEEDED.search(str(error))
    if found is None:
        return ""
    size = float(found[1]) * 1024.0 ** " KMGTPE".index(found[2].upper() or " ")
    return f"{size / 1e9:,.1f} GB" if size >= _WORTH_SAYING else ""


def asked_by(error: BaseException, among: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """What stands in ``among`` under the module in which memory ran out, or that called it.

    Args:
        error: as it was raised.
        among: by the beginning of a module's name.
    """
    modules = [frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__)]
    for module in reversed(modules):
        for beginning, found in among.items():
            if module.startswith(beginning):
                return found
    return ()
