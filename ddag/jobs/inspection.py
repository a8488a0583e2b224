"""The jobs that only look at a data set or ready it: check and prepare."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Optional

import numpy as np
import rich
from rich.table import Table

from ddag.data import images as image_files
from ddag.data.records import Records
from ddag.datasets import regdb, sources
from ddag.datasets.sysu import files as sysu
from ddag.datasets.sysu import protocol as sysu_protocol
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.settings.data import SysuConfig
from ddag.settings.settings import Settings

SEARCHES: tuple[Literal["all", "indoor"], ...] = ("all", "indoor")

log = logging.getLogger(__name__)


class Count(NamedTuple):
    """How many of something a data set has, beside how many its authors published."""

    what: str
    identities: int
    images: int
    published_identities: Optional[int] = None
    published_images: Optional[int] = None


def prepare(settings: Settings) -> None:
    """Write the arrays that SYSU-MM01's training reads.

    Raises:
        InputError: another data set, or the images cannot be read.
    """
    if not isinstance(settings.dataset, SysuConfig):
        raise InputError(
            f"job=prepare: {settings.dataset.name} is read from its images and needs none;"
            " use it with dataset=sysu"
        )
    sources.prepare(settings.dataset, settings.data)
    log.info("Prepared %s", settings.dataset.root)


def check(settings: Settings) -> None:
    """Print what the data set holds beside the published counts, and every unreadable image.

    Raises:
        InputError: the data set is missing, or an image of it cannot be read.
    """
    sources.generate(settings.dataset)
    root = Path(settings.dataset.root)
    read = _check_sysu if isinstance(settings.dataset, SysuConfig) else _check_regdb
    counts, paths = read(root)
    _show(f"{settings.dataset.name} in {root}", counts, published=not settings.dataset.generate)
    with bar("decoding images", len(paths)) as advance:
        broken = image_files.unreadable(paths, advance=advance)
    for path, reason in broken:
        log.warning("%s: %s", path, reason)
    if broken:
        raise InputError(
            f"dataset.root={root}: {len(broken)} of {len(paths)} images cannot be read (named"
            " above); restore them from the data set"
        )
    log.info("All %d images can be read", len(paths))


JOBS: dict[str, Callable[[Settings], None]] = {"prepare": prepare, "check": check}


def _check_regdb(root: Path) -> tuple[list[Count], list[str]]:
    """Counts of the ten splits, and the path of every image in them."""
    counts, paths = [], set()
    for trial in range(1, 11):
        train = regdb.read_train(root, trial=trial)
        test = regdb.read_test(root, trial=trial, direction="v2i")
        for split, sets in (
            ("train", (train.visible, train.infrared)),
            ("test", (test.query, test.gallery)),
        ):
            for records in sets:
                what = f"split {trial}, {split}, {records.modality.value}"
                counts.append(
                    _count(what, records, regdb.PUBLISHED_IDENTITIES, regdb.PUBLISHED_PICTURES)
                )
                paths.update(records.paths.tolist())
    return counts, sorted(paths)


def _check_sysu(root: Path) -> tuple[list[Count], list[str]]:
    """Counts of the cameras, the training set, the query and the galleries; every path."""
    for stray in sysu.strays(root):
        log.warning("%s: passed over; images are <4-digit identity>/<name>.jpg", stray)
    counts, paths = [], []
    for split in sysu.SPLITS:
        identities = sysu.read_identities(root, split)
        for camera in (*sysu.VISIBLE_CAMERAS, *sysu.INFRARED_CAMERAS):
            held = sysu.list_split(root, [camera], identities)
            people = len({image.identity for image in held})
            counts.append(Count(f"camera {camera}, {split}", people, len(held)))
            paths += [image.path for image in held]
    train = sysu.read_train(root)
    people = sysu.PUBLISHED_TRAIN_IDENTITIES
    counts.append(
        _count("train and val, visible", train.visible, people, sysu.PUBLISHED_TRAIN_VISIBLE)
    )
    counts.append(
        _count("train and val, infrared", train.infrared, people, sysu.PUBLISHED_TRAIN_INFRARED)
    )
    for search in SEARCHES:
        test = sysu_protocol.read_test(root, search=search, shots=1, trials=[0])
        counts.append(
            _count(
                f"gallery, {search}, one shot", test.gallery, None, sysu.PUBLISHED_GALLERY[search]
            )
        )
    counts.append(
        _count("query", test.query, sysu.PUBLISHED_TEST_IDENTITIES, sysu.PUBLISHED_QUERIES)
    )
    return counts, paths


def _count(what: str, records: Records, identities: Optional[int], images: Optional[int]) -> Count:
    return Count(what, len(np.unique(records.identities)), len(records), identities, images)


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
