"""The job report: what the runs in a folder say together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ddag.machine.errors import InputError
from ddag.runs.report import files
from ddag.runs.report.comparison import read_baseline
from ddag.runs.report.leaderboard import compare
from ddag.runs.report.runs import read_runs
from ddag.settings.jobs import ReportConfig
from ddag.settings.settings import Settings


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Compare the runs in ``job.folder``, write what they say there and show it.

    Raises:
        InputError: the folder has no runs.
    """
    place = Path(settings.job_as(ReportConfig).folder)
    runs = read_runs(place)
    if not runs:
        raise InputError(f"job.folder={place}: no run below it; name one of a run or a sweep")
    board = compare(runs, read_baseline(settings.report.baseline))
    files.write(board, place)
    files.show(board, place)
    return 0.0
