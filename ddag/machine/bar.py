"""A bar on the screen while something takes long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import rich
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        """Say that ``count`` more are done; ``note`` stands behind the bar."""


@contextmanager
def bar(title: str, total: int) -> Iterator[Advance]:
    """A bar with the time left, gone once the block is through; nothing where no screen is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = rich.get_console()
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=2,  # each drawing takes a processor from the step for a moment
    ) as shown:
        task = shown.add_task(title, total=total, note="")

        def advance(count: int = 1, *, note: str = "") -> None:
            shown.update(task, advance=count, note=note)

        yield advance
