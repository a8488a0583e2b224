"""What ``job=`` can name, and where each is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ddag import environment
from ddag.settings import Settings


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Do the job and return its score, 0 for one that has none.

    Args:
        settings: of the run.
        folder: the run folder.
        given: overrides of the command line.

    Raises:
        InputError: something given does not work.
    """
    # Imported only now: MindSpore takes seconds, and not every job needs it.
    if settings.job.name in ("prepare", "check"):
        from ddag import inspection

        inspection.JOBS[settings.job.name](settings)
        return 0.0
    environment.prepare()
    from ddag import experiment

    if settings.job.name == "evaluate":
        return experiment.evaluate(settings, folder, given)
    return experiment.train(settings, folder)
