"""A report as one HTML file that opens from disk: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path

from ddag.machine.templates import fill
from ddag.runs.report import figures, tables
from ddag.runs.report.leaderboard import STD, Leaderboard
from ddag.settings.choices import TITLES

_TEMPLATE = Path(__file__).with_name("report.html.jinja")


def render(board: Leaderboard, folder: Path) -> str:
    """The page on the runs that were found in ``folder``."""
    compared = board.tables if board.keys else ()
    trained = any(run.history for run in board.runs)
    return fill(
        _TEMPLATE,
        title="/".join(folder.resolve().parts[-2:]),
        status=status(board),
        board=board,
        folder=folder,
        headings=tables.headings(board),
        names=tuple(TITLES),
        std=STD,
        effects=[(table, _image(figures.effects(board, table))) for table in compared],
        learning_curves=_image(figures.learning_curves(board)) if trained else None,
        cmc_curves=[(table, _image(figures.cmc_curves(board, table))) for table in board.tables],
    )


def status(board: Leaderboard) -> str:
    """How many runs there are, and how far they came."""
    states = [run.state for run in board.runs]
    return f"{len(states)} runs: " + ", ".join(
        f"{states.count(state)} {state}" for state in ("finished", "failed", "unfinished")
    )


def _image(svg: str) -> str:
    """The address of an image of its own, so that names inside several ones cannot clash."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"
