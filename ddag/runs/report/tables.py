"""A leaderboard as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Callable

from ddag.machine.words import cell, printable
from ddag.runs.report.answers import sentences
from ddag.runs.report.leaderboard import STD, Leaderboard, Row, Score, Table
from ddag.settings.choices import TITLES

_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_|<>[]#~$&"})
_LATEX = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "[": "{[}",  # behind the end of a row it would begin an option
        "*": "{*}",
    }
)


def markdown(board: Leaderboard) -> str:
    """A table for each protocol, scores in percent, what stands out in bold."""
    return "\n".join(_markdown(board, table) for table in board.tables)


def latex(board: Leaderboard) -> str:
    """Tables for a paper that uses the package booktabs."""
    return "\n".join(_latex(board, table) for table in board.tables)


def comma_separated(board: Leaderboard) -> str:
    """Every feature's scores in fractions of 1, a line for each setting and feature."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    columns = [f"{name}_{part}" for name in TITLES for part in ("mean", "std")]
    lines.writerow(["protocol", *map(_cell, board.keys), "features", "runs", *columns])
    for table in board.tables:
        for row in table.rows:
            for feature, scores in row.features.items():
                numbers = [each for name in TITLES for each in _parts(scores[name])]
                words = map(_cell, (table.protocol, *row.values, feature))
                lines.writerow([*words, len(row.results), *numbers])
    return text.getvalue()


def headings(board: Leaderboard, scores: Sequence[str] = tuple(TITLES)) -> list[str]:
    """Of the columns that ``cells`` fills."""
    return [*board.keys, "features", "runs", *(TITLES[name] for name in scores)]


def cells(
    table: Table,
    row: Row,
    *,
    escape: Callable[[str], str],
    bold: Callable[[str], str],
    plus_minus: str = " ± ",
    scores: Sequence[str] = tuple(TITLES),
) -> list[str]:
    """A row's cells, scores in percent.

    Args:
        table: that the row is of.
        row: to be shown.
        escape: makes words harmless in the format.
        bold: marks a score that stands out in its column.
        plus_minus: stands before a deviation.
        scores: which of them.
    """
    words = [escape(word) for word in (*row.values, row.main, str(len(row.results)))]
    for name in scores:
        text = row.scores[name].percent(plus_minus)
        words.append(bold(text) if table.stands_out(row, name) else text)
    return words


def against(table: Table) -> str:
    """The heading of the sentences."""
    chosen = " ".join(f"{key}={value}" for key, value in table.baseline.items())
    return f"Against {chosen}, paired by seed, split and all other settings; p after Holm"


def _markdown(board: Leaderboard, table: Table) -> str:
    def line(words: Sequence[str]) -> str:
        return f"| {' | '.join(words)} |"

    def escape(word: str) -> str:
        return printable(word).translate(_MARKDOWN)

    lines = [
        f"{escape(table.protocol)}; percent, mean ± {STD}",
        "",
        line([escape(word) for word in headings(board)]),
        line(["---"] * len(headings(board))),
    ]
    for row in table.rows:
        lines.append(line(cells(table, row, escape=escape, bold=lambda text: f"**{text}**")))
    if said := sentences(board, table):
        lines += ["", f"{escape(against(table))}:", "", *(f"- {escape(each)}" for each in said)]
    for row in table.rows:
        for warning in row.warnings:
            lines += ["", f"⚠ {escape(board.name(row.values))}: {escape(warning)}"]
    return "\n".join(lines) + "\n"


def _latex(board: Leaderboard, table: Table) -> str:
    def escape(word: str) -> str:
        return printable(word).translate(_LATEX)

    def line(words: Sequence[str]) -> str:
        return " & ".join(words) + r" \\"

    rows = [
        cells(
            table,
            row,
            escape=escape,
            bold=lambda text: rf"\textbf{{{text}}}",
            plus_minus=r" $\pm$ ",
        )
        for row in table.rows
    ]
    lines = [
        rf"% \usepackage{{booktabs}}; percent, mean and {STD}",
        f"% {escape(table.protocol)}",
        rf"\begin{{tabular}}{{{'l' * (len(board.keys) + 1)}{'r' * (len(TITLES) + 1)}}}",
        r"\toprule",
        line([escape(word) for word in headings(board)]),
        r"\midrule",
        *map(line, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _cell(word: str) -> str:
    return cell(printable(word))


def _parts(score: Score) -> tuple[float, float]:
    return round(score.mean, 6), round(score.std, 6)
