"""The files of a report: leaderboard.md, .csv and .tex, and report.html."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ddag.machine import screen
from ddag.machine.files import write_text
from ddag.runs.report import page, tables
from ddag.runs.report.answers import answers
from ddag.runs.report.leaderboard import STD, Leaderboard
from ddag.runs.report.runs import environments

SHOWN = ("rank1", "mAP")  # on a screen of 80 columns


def write(board: Leaderboard, folder: Path) -> None:
    """Write the four files into ``folder``, above the runs."""
    contents = {
        "leaderboard.md": tables.markdown(board),
        "leaderboard.csv": tables.comma_separated(board),
        "leaderboard.tex": tables.latex(board),
        page.NAME: page.render(board, folder),
    }
    for name, content in contents.items():
        write_text(folder / name, content)


def show(board: Leaderboard, folder: Path) -> None:
    """Print the leaderboard."""
    for ranked in board.tables:
        shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in tables.headings(board, SHOWN):
            shown.add_column(screen.plain(heading))
        for row in ranked.rows:
            cells = tables.cells(
                ranked,
                row,
                escape=screen.literal,
                bold=lambda text: f"[bold]{text}[/bold]",
                scores=SHOWN,
            )
            shown.add_row(*map(screen.marked, cells))
        screen.show_table(f"{ranked.protocol}, in percent, mean ± {STD}", shown)
        for line in answers(board, ranked):
            screen.show_line(screen.plain(line))
    faults = [f"unreadable  {run.fault}" for run in board.runs if run.fault]
    for line in (
        *faults,
        *environments(board.runs),
        page.status(board),
        f"report    {folder / page.NAME}",
    ):
        screen.show_line(screen.plain(line))
