"""A report as one HTML file that opens from disk: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ddag.runs.report import figures, tables
from ddag.runs.report.leaderboard import STD, Leaderboard, Row, Table
from ddag.runs.report.runs import Run

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1080px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 .4em; }
p { margin: .3em 0 .8em; color: #555; }
table { border-collapse: collapse; font-size: .93em; }
th, td { padding: .3em .7em; text-align: left; border-bottom: 1px solid #e3e3e3;
         white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.sortable th { cursor: pointer; } .sortable th:hover { background: #f2f6fa; }
.wide { overflow-x: auto; } img { max-width: 100%; }
.runs td { white-space: normal; overflow-wrap: anywhere; }
"""
# A click on a heading sorts by it, a second one the other way round.
SCRIPT = """
for (const head of document.querySelectorAll(".sortable th")) {
  head.onclick = () => {
    const body = head.closest("table").tBodies[0], column = head.cellIndex;
    const value = row => row.cells[column].dataset.value;
    const sign = head.dataset.sign = head.dataset.sign === "1" ? "-1" : "1";
    const number = [...body.rows].every(row => value(row) !== "" && !isNaN(value(row)));
    const compare = (a, b) => number ? a - b : a.localeCompare(b);
    body.append(...[...body.rows].sort((a, b) => -sign * compare(value(a), value(b))));
  };
}
"""


def render(board: Leaderboard, folder: Path) -> str:
    """The page on the runs that were found in ``folder``."""
    sections = [_leaderboard(board, table) for table in board.tables]
    if board.keys:
        sections += [_effects(board, table) for table in board.tables]
    if any(run.history for run in board.runs):
        sections.append(_learning_curves(board))
    sections += [_cmc(board, table) for table in board.tables]
    sections += [_failures(board, folder), _runs(board, folder)]
    title = escape("/".join(folder.resolve().parts[-2:]))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{title}</h1><p>{status(board)}</p>\n"
        + "\n".join(sections)
        + f"\n<script>{SCRIPT}</script></body></html>\n"
    )


def status(board: Leaderboard) -> str:
    """How many runs there are, and how far they came."""
    states = [run.state for run in board.runs]
    return f"{len(states)} runs: " + ", ".join(
        f"{states.count(state)} {state}" for state in ("finished", "failed", "unfinished")
    )


def _leaderboard(board: Leaderboard, table: Table) -> str:
    heads = "".join(
        f'<th class="number">{escape(word)}</th>' if number > len(board.keys) else
        f"<th>{escape(word)}</th>"
        for number, word in enumerate(tables.headings(board))
    )  # fmt: skip
    rows = "".join(_row(board, table, row) for row in table.rows)
    return _section(
        "Leaderboard",
        f"{escape(table.protocol)}. In percent, mean ± {STD}; the best of a column in bold. Click"
        " a heading to sort by it.",
        f'<div class="wide"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>",
    )


def _row(board: Leaderboard, table: Table, row: Row) -> str:
    shown = tables.cells(table, row, escape=escape, bold=lambda text: f"<b>{text}</b>")
    means = [str(row.figures[name].mean) for name in tables.TITLES]
    sorted_by = [*row.values, row.main, str(len(row.results)), *means]
    cells = "".join(
        f"<td{' class=number' if number > len(board.keys) else ''}"
        f' data-value="{escape(value)}">{cell}</td>'
        for number, (cell, value) in enumerate(zip(shown, sorted_by))
    )
    return f"<tr>{cells}</tr>"


def _effects(board: Leaderboard, table: Table) -> str:
    return _section(
        "Effect of each setting",
        f"{escape(table.protocol)}. Grey: single runs with this value, whatever their other"
        " settings; blue: their mean and standard deviation.",
        _image(figures.effects(board, table), "effect of each swept setting"),
    )


def _learning_curves(board: Leaderboard) -> str:
    return _section(
        "Learning curves",
        "A line for each run, in the colour of its setting; grey: others, and settings without a"
        " result yet. The loss has more terms with IWPA and with graph attention.",
        _image(figures.learning_curves(board), "training loss and score by epoch"),
    )


def _cmc(board: Leaderboard, table: Table) -> str:
    return _section(
        "CMC curves",
        f"{escape(table.protocol)}. Share of queries with an image of their identity among the"
        " first r of the ranking; mean over the runs of a setting.",
        _image(figures.cmc_curves(board, table), "CMC by rank"),
    )


def _failures(board: Leaderboard, folder: Path) -> str:
    failed = [run for run in board.runs if run.state == "failed"]
    rows = [[_place(run, folder), escape(run.error or "")] for run in failed]
    return _section("Failures", "" if rows else "None.", _table(["run", "error"], rows))


def _runs(board: Leaderboard, folder: Path) -> str:
    rows = [
        [_place(run, folder), run.state, _result(run, "epoch"), _result(run, "seconds")]
        for run in board.runs
    ]
    return _section("Runs", "", _table(["run", "state", "epoch", "seconds"], rows))


def _result(run: Run, key: str) -> str:
    return escape(str(run.result[key])) if run.result else "-"


def _place(run: Run, folder: Path) -> str:
    return escape(str(run.folder.relative_to(folder)))


def _section(title: str, text: str, body: str) -> str:
    return f"<h2>{title}</h2><p>{text}</p>{body}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _image(svg: str, alternative: str) -> str:
    """An SVG as an image of its own, so that the names inside several ones cannot clash."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{alternative}" src="data:image/svg+xml;base64,{data}">'
