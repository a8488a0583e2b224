"""What ``job=`` can name, and where each is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ddag.machine import environment, processors
from ddag.machine.processors import ALONE, Place
from ddag.settings.choices import Target
from ddag.settings.settings import Settings

INSPECTIONS = ("prepare", "check")
EXPERIMENTS = ("train", "evaluate")
PROFILES = ("profile",)


def run(settings: Settings, folder: Path, given: Sequence[str], place: Place = ALONE) -> float:
    """Do the job and return its score, 0 for one that has none.

    Args:
        settings: of the run.
        folder: the run folder.
        given: overrides of the command line.
        place: among the jobs that run at the same time.

    Raises:
        InputError: something given does not work.
    """
    # Imported only now: MindSpore takes seconds, and not every job needs it.
    name = settings.job.name
    if name in INSPECTIONS:
        from ddag.jobs import inspection

        inspection.JOBS[name](settings)
        return 0.0
    if name == "report":
        from ddag.runs.report import files

        files.report(settings)
        return 0.0
    if settings.device.threads or settings.device.target is Target.CPU:
        processors.claim(settings.device.threads, place)
    environment.prepare()
    if name in EXPERIMENTS:
        from ddag.jobs import experiment

        return experiment.JOBS[name](settings, folder, given)
    if name == "visualize":
        from ddag.jobs import visualize

        visualize.visualize(settings, folder, given)
        return 0.0
    if name == "search":
        from ddag.jobs import search

        search.search(settings, folder, given)
        return 0.0
    if name in PROFILES:
        from ddag.jobs import profile as profiling

        return profiling.JOBS[name](settings, folder, given)
    from ddag.jobs import exchange

    exchange.JOBS[name](settings, given)
    return 0.0
