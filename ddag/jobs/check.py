"""The job check: what a data set holds beside what its authors published, and its broken images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import rich
from rich.table import Table

from ddag.data import images as image_files
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Count
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.settings.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Print the counts of the data set and every image that cannot be read; the score is 0.

    Raises:
        InputError: the data set is missing, or an image of it cannot be read.
    """
    chosen = settings.dataset
    counts, paths = open_dataset(chosen, settings.data).count()
    # Nobody published how many people were generated.
    published = not chosen.generate and any(count.published_images for count in counts)
    _show(f"{chosen.name} in {chosen.root}", counts, published=published)
    with bar("decoding images", len(paths)) as advance:
        broken = image_files.unreadable(paths, advance=advance)
    for path, reason in broken:
        log.warning("%s: %s", path, reason)
    if broken:
        raise InputError(
            f"dataset.root={chosen.root}: {len(broken)} of {len(paths)} images cannot be read"
            " (named above); restore them from the data set"
        )
    log.info("All %d images can be read", len(paths))
    return 0.0


def _show(title: str, counts: Sequence[Count], *, published: bool) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    headings = ["identities", "images"]
    if published:
        headings += ["published identities", "published images"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for what, *numbers in counts:
        cells = ["" if number is None else f"{number:,}" for number in numbers]
        table.add_row(what, *cells[: len(headings)])
    rich.get_console().print(table)
