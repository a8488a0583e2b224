"""Graphs that an earlier process compiled, loaded from disk instead of compiled anew."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from ddag.machine import device
from ddag.settings.plain import to_plain
from ddag.settings.settings import Settings

# Settings that no graph depends on.
WITHOUT_EFFECT = ("tag", "seed", "checkpoint", "job", "logger")

log = logging.getLogger(__name__)
_claims: list[FileLock] = []  # held until the process ends


def reuse(settings: Settings, *, identities: int, steps: int) -> None:
    """Load the graphs of a run like this one where there are any, else keep them.

    MindSpore finds a graph by its place in the order of a process's compilations, and looks at no
    settings. Hence a folder for each kind of run, and only for the first run of a process
    that starts at its beginning, where the order is sure. A second process that wants the
    same folder meanwhile compiles for itself.

    Args:
        settings: of the run.
        identities: of the training set.
        steps: of an epoch.
    """
    device.compile_anew()
    if settings.device.cache is None or settings.train.resume or _claims:
        return
    if settings.device.workers > 1:
        return  # not tried
    if not Path(sys.argv[0]).is_file():
        return  # MindSpore reads the program's file, and python -c has none
    folder = Path(settings.device.cache) / _key(settings, identities, steps)
    with suppress(OSError):  # no right to write there, or another process is at it: a time-out
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        _claims.append(lock)
        lock.acquire()
        device.reuse_compiled(folder)
        log.debug("Compiled graphs: %s", folder)


def _key(settings: Settings, identities: int, steps: int) -> str:
    """Of all that the graphs of a run depend on, the framework's own code included."""
    plain: dict[str, Any] = to_plain(settings)
    kept = {name: value for name, value in plain.items() if name not in WITHOUT_EFFECT}
    text = json.dumps([device.VERSION, identities, steps, kept], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
