"""Where a run's files lie, and which run a new command resumes. No MindSpore."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

CHECKPOINTS = "checkpoints"
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
RESULT = "result.json"
AUTO = "auto"
MAX_FOLDER_NAME = 200  # bytes; file systems end at 255


def choose(resume: object, runs: str, name: str) -> str:
    """The run folder of a command: the one it resumes, or a new one.

    Args:
        resume: ``train.resume``; a run folder is resumed in place, and so is, for ``auto``,
            the newest run of ``runs`` that has a checkpoint but no result.
        runs: folder of the runs of one tag.
        name: of a new run folder.
    """
    if resume == AUTO:
        unfinished = newest_unfinished(Path(runs))
        return str(unfinished or Path(runs, name))
    if isinstance(resume, str) and resume and saved(Path(resume)):
        return resume
    return str(Path(runs, name))


def newest_unfinished(runs: Path) -> Optional[Path]:
    """The last run by name that can be resumed: it has a checkpoint but no result."""
    started = [run for run in runs.glob("*") if saved(run) and not (run / RESULT).exists()]
    return max(started, key=lambda run: run.name, default=None)


def saved(run: Path) -> list[Path]:
    """The checkpoints of a run folder that a run can be resumed from, newest first."""
    return [path for name in (LAST, PREVIOUS) if (path := run / CHECKPOINTS / name).is_file()]
