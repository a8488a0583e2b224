"""From a report to its runs: their files, and the command that repeats each."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import quote

from ddag.machine.run_folders import RESULT
from ddag.runs.provenance import NAME
from ddag.runs.report.runs import Run

_FILES = {
    "result": RESULT,
    "settings": ".hydra/config.yaml",
    "environment": NAME,
    "log": "run.log",
}
_OF_A_SWEEP = ("sweep.list", "sweep.resume", "train.resume", "report.baseline")


def files(run: Run, folder: Path) -> dict[str, str]:
    """Addresses, relative to ``folder``, of what a run has left."""
    found = {title: run.folder / name for title, name in _FILES.items()}
    found = {title: path for title, path in found.items() if path.is_file()}
    if run.pictures:
        found["pictures"] = run.pictures
    return {
        title: f"./{quote(path.relative_to(folder).as_posix(), errors='replace')}"
        for title, path in found.items()
    }


def command(run: Run) -> str:
    """What to type to have the run once more, in a folder of its own."""
    words = [word for word in run.words if word.partition("=")[0].lstrip("+") not in _OF_A_SWEEP]
    if any(word.startswith("sweep=") for word in words):
        words.append("hydra.mode=RUN")  # this job of the sweep alone
    return shlex.join(["python", "run.py", *words])


def clock(seconds: float) -> str:
    """A time as hours and minutes, ``1:05``."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}" if minutes else "< 0:01"
