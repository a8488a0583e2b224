"""The job check: what a data set holds beside what its authors published, and its broken images."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from ddag.data import images as image_files
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Count
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.screen import plain, show_table
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
    table = Table()
    table.add_column("what")
    headings = ["identities", "images"]
    if published:
        headings += ["published identities", "published images"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for what, *numbers in _folded(counts):
        cells = ["" if number is None else f"{number:,}" for number in numbers]
        table.add_row(plain(what), *cells[: len(headings)])
    show_table(title, table)


def _folded(counts: Sequence[Count]) -> list[Count]:
    """Rows that differ in a number before their comma alone, as one: ``splits 1 to 10, test``."""
    rows: dict[tuple[object, ...], list[Count]] = {}
    for count in counts:
        numbered = re.fullmatch(r"(\w+) \d+(, .*)", count.what)
        name = numbered.groups() if numbered else (count.what,)
        rows.setdefault((*name, *count[1:]), []).append(count)
    return [_as_one(same) for same in rows.values()]


def _as_one(same: Sequence[Count]) -> Count:
    """Equal rows as one, numbered from the first to the last, or with each number."""
    if len(same) == 1:
        return same[0]
    heads = [count.what.partition(", ")[0].split(" ") for count in same]
    numbers = [int(number) for _, number in heads]
    whole = numbers == list(range(numbers[0], numbers[-1] + 1))
    said = f"{numbers[0]} to {numbers[-1]}" if whole else ", ".join(map(str, numbers))
    return same[0]._replace(what=f"{heads[0][0]}s {said}, {same[0].what.partition(', ')[2]}")
