"""The files of a report: leaderboard.md, .csv and .tex, and report.html."""

from __future__ import annotations

from pathlib import Path

import rich
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ddag.machine.files import replacing
from ddag.runs.report import page, tables
from ddag.runs.report.leaderboard import STD, Leaderboard

SHOWN = ("rank1", "mAP")  # on a screen of 80 columns


def write(board: Leaderboard, folder: Path) -> None:
    """Write the four files into ``folder``, above the runs."""
    contents = {
        "leaderboard.md": tables.markdown(board),
        "leaderboard.csv": tables.comma_separated(board),
        "leaderboard.tex": tables.latex(board),
        "report.html": page.render(board, folder),
    }
    for name, content in contents.items():
        with replacing(folder / name) as draft:
            draft.write_text(content, encoding="utf-8")


def show(board: Leaderboard, folder: Path) -> None:
    """Print the leaderboard."""
    console = rich.get_console()
    for ranked in board.tables:
        title = f"{ranked.protocol}\nin percent, mean ± {STD}"
        shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in tables.headings(board, SHOWN):
            shown.add_column(heading)
        for row in ranked.rows:
            cells = tables.cells(
                ranked,
                row,
                escape=rich.markup.escape,
                bold=lambda text: f"[bold]{text}[/bold]",
                scores=SHOWN,
            )
            shown.add_row(*cells)
        console.print(shown)
    console.print(f"{page.status(board)}\nreport    {folder / 'report.html'}", soft_wrap=True)
