"""A report as one HTML file that opens from disk: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Optional

from ddag.machine.templates import fill
from ddag.machine.words import counted, printable
from ddag.runs.report import effects, figures, intervals, links, stress, tables
from ddag.runs.report.answers import COMPARED, answers, compared, sentences
from ddag.runs.report.leaderboard import STD, Leaderboard, Table
from ddag.runs.report.runs import environments
from ddag.settings.choices import TITLES

NAME = "report.html"
_TEMPLATE = Path(__file__).with_name("report.html.jinja")


def render(board: Leaderboard, folder: Path) -> str:
    """The page on the runs that were found in ``folder``."""
    told_apart = board.tables if board.keys else ()
    turned = [(table, panels) for table in told_apart if (panels := stress.panels(board, table))]
    trained = any(run.history for run in board.runs)
    return fill(
        _TEMPLATE,
        title=printable("/".join(folder.resolve().parts[-2:])),
        status=status(board),
        environments=environments(board.runs),
        board=board,
        failed=[run for run in board.runs if run.state in ("failed", "unreadable")],
        place=lambda run: printable(run.folder.relative_to(folder)),
        links=lambda run: links.files(run, folder),
        command=links.command,
        clock=links.clock,
        headings=tables.headings(board),
        names=tuple(TITLES),
        answers=lambda table: answers(board, table),
        sentences=lambda table: sentences(board, table),
        against=tables.against,
        differences=lambda table: _differences(board, table),
        std=STD,
        effects=[(table, *_effects(board, table)) for table in told_apart],
        stress=[
            (table, _image(stress.curves(panels, score=figures.score_title(board))))
            for table, panels in turned
        ],
        learning_curves=_image(figures.learning_curves(board)) if trained else None,
        cmc_curves=[(table, _image(figures.cmc_curves(board, table))) for table in board.tables],
    )


def _differences(board: Leaderboard, table: Table) -> Optional[str]:
    """The chart that the answer is read from."""
    score = COMPARED[0]
    drawn = intervals.draw(compared(board, table)[score], score=TITLES[score])
    return _image(drawn) if drawn else None


def _effects(board: Leaderboard, table: Table) -> tuple[list[str], list[str]]:
    """A chart of each setting that changed alone, and the names of those that did not."""
    found = {key: effects.scores_by_value(table, key) for key in board.keys[: effects.MOST_KEYS]}
    title = figures.score_title(board)
    drawn = [_image(effects.draw(key, each, title=title)) for key, each in found.items() if each]
    return drawn, [key for key, each in found.items() if each == {}]


def status(board: Leaderboard) -> str:
    """How many runs there are, and how far they came."""
    states = [run.state for run in board.runs]
    shown = ["finished", "failed", "unfinished", *{"unreadable"}.intersection(states)]
    return f"{counted(len(states), 'run')}: " + ", ".join(
        f"{states.count(each)} {each}" for each in shown
    )


def _image(svg: str) -> str:
    """The address of an image of its own, so that names inside several ones cannot clash."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"
