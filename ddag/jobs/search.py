"""The job search: rank a plain folder of images by likeness to one image."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from ddag.data import image_folder
from ddag.data import images as image_files
from ddag.drawing import ranks
from ddag.drawing.figure import to_pixels, to_png
from ddag.gallery.keeping import Listing
from ddag.gallery.opening import main_feature, open_index
from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.machine.screen import plain, show_table
from ddag.machine.words import cell
from ddag.settings.choices import Modality
from ddag.settings.jobs import SearchConfig
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.restore import Restored, open_exported, restore

log = logging.getLogger(__name__)

OTHER = {Modality.visible: Modality.infrared, Modality.infrared: Modality.visible}
CAPTION = 18  # characters of a path that stand below its image


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write the ranking and an image of its first ranks into the run folder.

    Args:
        settings: name the checkpoint, the query and the gallery.
        folder: the run folder.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint, the query or the gallery does not work, or its index has no
            lists where the search is to be approximate.
    """
    job = settings.job_as(SearchConfig)
    for path, reason in image_files.unreadable([job.query]):
        raise InputError(f"job.query={path}: {reason}; name an image that can be opened")
    root = Path(job.gallery)
    held = image_folder.list_images(root)
    parts.configure_device(settings)
    stored = restore(settings, given, folder)
    paths, distance = _ranking(stored, job, root, held)
    png = to_png(to_pixels(ranks.draw([_rank_list(job.query, paths, distance)])))
    _write_table(folder / "ranking.csv", paths, distance)
    with replacing(folder / "ranking.png") as draft:
        draft.write_bytes(png)
    _show(f"Nearest to {job.query}", paths, distance)
    log.info("Wrote ranking.csv and ranking.png into %s", folder)
    return 0.0


def _ranking(
    stored: Restored, job: SearchConfig, root: Path, held: Sequence[image_folder.Entry]
) -> tuple[list[str], np.ndarray]:
    """Paths of the gallery's images and their distances, nearest first."""
    other = job.gallery_modality or OTHER[job.modality]
    extractor = parts.build_extractor(
        stored.method, stored.learner.network, exported=open_exported(stored, job.exported)
    )
    query = extractor.extract([job.query], job.modality)[main_feature(stored)]
    listing = Listing.searched if job.approximate else Listing.kept
    index = open_index(
        stored, extractor, root, held, other, channels=query.shape[1], listing=listing
    )
    rows, distances = index.rank(query[0])
    if job.approximate:
        log.info("%d of the %d images ranked: those in the nearest lists", len(rows), len(index))
    return [str(root / index.names[row]) for row in rows], distances


def _write_table(path: Path, paths: Sequence[str], distance: np.ndarray) -> None:
    # Names of files are bytes; those that are not UTF-8 go out as they came in.
    with (
        replacing(path) as draft,
        draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(("rank", "distance", "path"))
        for rank, (each, value) in enumerate(zip(paths, distance), start=1):
            rows.writerow((rank, f"{value:.6f}", cell(each)))


def _rank_list(query: str, paths: Sequence[str], distance: np.ndarray) -> ranks.RankList:
    return ranks.RankList(
        query=query,
        title=f"query\n{_short(query)}",
        paths=paths[: ranks.TOP],
        captions=[
            f"rank {rank}\n{_short(path)}\n{value:.3f}"
            for rank, (path, value) in enumerate(zip(paths[: ranks.TOP], distance), start=1)
        ],
    )


def _short(path: str) -> str:
    """The end of a path in letters that the figures' font has."""
    name = "/".join(Path(path).parts[-2:]).encode("ascii", "replace").decode()
    return name if len(name) <= CAPTION else f"...{name[3 - CAPTION :]}"


def _show(title: str, paths: Sequence[str], distance: np.ndarray) -> None:
    """Print the first ranks."""
    table = Table()
    table.add_column("rank", justify="right")
    table.add_column("distance", justify="right")
    table.add_column("image", overflow="fold")
    for rank, (path, value) in enumerate(zip(paths[: ranks.TOP], distance), start=1):
        table.add_row(str(rank), f"{value:.3f}", plain(path))
    show_table(title, table)
