"""What the screen shows while something takes long: a bar, or a clock."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from ddag.machine import screen
from ddag.machine.words import duration

log = logging.getLogger(__name__)

_WIDTH = 16  # of a bar: with all that stands beside it, a line of 80 columns


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        """Say that ``count`` more are done; ``note`` stands behind the bar."""


class _Time(ProgressColumn):
    """The time left; as long as that is not known, the time since the beginning."""

    def render(self, task: Task) -> Text:
        """The time in words."""
        if task.time_remaining is None:
            return Text(duration(task.elapsed or 0), style="progress.elapsed")
        return Text(f"{duration(task.time_remaining)} left", style="progress.remaining")


@contextmanager
def bar(title: str, total: int) -> Iterator[Advance]:
    """A bar with the time left, gone once the block is through; nothing where no screen is."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(_WIDTH),
        MofNCompleteColumn(),
        _Time(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with _shown(*columns) as shown:
        task = shown.add_task(title, total=total, note="")

        def advance(count: int = 1, *, note: str = "") -> None:
            shown.update(task, advance=count, note=note)

        yield advance


@contextmanager
def clock(title: str) -> Iterator[None]:
    """The time that the block takes as it passes; a line with the title where no screen is."""
    if not screen.console().is_terminal:
        log.info("%s", title)
    with _shown(TextColumn("{task.description}", markup=False), _Time()) as shown:
        shown.add_task(title, total=None)
        yield


def _shown(*columns: ProgressColumn) -> Progress:
    console = screen.console()
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=2,  # each drawing takes a processor from the step for a moment
    )
