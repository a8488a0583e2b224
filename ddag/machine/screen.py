"""What a screen shows: lines and tables, and of words from outside nothing that it would obey."""

from __future__ import annotations

import logging

import rich
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ddag.machine.words import printable

SHORT = "short"  # attribute of a record: what to show where the terminal is narrower than the line
_WIDE = 100_000  # columns, where there is no terminal to fit into


def console() -> Console:
    """The screen; what it is redirected to is as wide as any line."""
    found = rich.get_console()
    if not found.is_terminal:
        found.width = _WIDE
    return found


def show_line(line: Text) -> None:
    """Print one line, however long."""
    console().print(line, soft_wrap=True)


def show_table(title: object, table: Table) -> None:
    """Print a table below its title, which may be longer than the table is wide."""
    console().print(plain(title), style="table.title", soft_wrap=True)
    console().print(table)


def plain(words: object) -> Text:
    """Words as they are: no markup, no emoji, nothing that a terminal obeys."""
    return Text(printable(words))


def marked(text: str) -> Text:
    """A text with rich's markup, words from outside in it through ``literal``."""
    return Text.from_markup(text, emoji=False)


def literal(words: object) -> str:
    """Words that stand in ``marked`` text as they are."""
    return escape(printable(words))


class Lines(logging.Formatter):
    """Records as lines in which a terminal finds nothing to obey."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a traceback keeps its lines."""
        return "\n".join(map(printable, super().format(record).split("\n")))


class Screen(logging.Handler):
    """Records as lines of the screen, neither padded nor wrapped."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record; its ``short`` form where it has one and the terminal asks for it."""
        try:
            screen, line = console(), self.format(record)
            if len(line) > screen.width:
                line = getattr(record, SHORT, line)
            screen.print(line, markup=False, emoji=False, soft_wrap=True)
        except Exception:
            self.handleError(record)
