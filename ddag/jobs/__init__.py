"""Jobs: what ``job=`` can name, each done by the module of its name."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ddag.settings.settings import Settings


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Do the job and return its score, 0 for one that has none.

    Args:
        settings: of the run; ``job.name`` is a key of ``settings.jobs.JOBS``.
        folder: the run folder.
        given: overrides of the command line.

    Raises:
        InputError: something given does not work.
    """
    # Imported only now: MindSpore takes seconds, and not every job needs it.
    score: float = import_module(f"ddag.jobs.{settings.job.name}").run(settings, folder, given)
    return score
