"""The job serve: a web page to search a folder of images with."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from ddag.data import image_folder
from ddag.gallery.keeping import Listing
from ddag.gallery.opening import main_feature, open_index
from ddag.machine import packages
from ddag.machine.bar import clock
from ddag.machine.screen import plain, show_line
from ddag.serve import labels
from ddag.serve.guard import Guard
from ddag.serve.searching import Searcher, Source
from ddag.settings.choices import Modality
from ddag.settings.jobs import ServeConfig
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.restore import open_exported, restore

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Serve the page until a signal asks to stop.

    Args:
        settings: name the checkpoint, the gallery and who may ask.
        folder: the run folder.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint, the gallery or the address does not work, a package lacks, or
            the gallery's index has no lists where searches are to be approximate.
        Stopped: a signal asked for it.
    """
    job = settings.job_as(ServeConfig)
    packages.refuse_missing("job=serve", ("fastapi", "uvicorn"), extra="serve")
    from ddag.serve import server

    root = Path(job.gallery)
    held = image_folder.list_images(root)
    with server.bind(job.host, job.port) as bound:
        wanted = job.token or not server.is_own(bound)
        token = server.choose_token() if wanted else None
        parts.configure_device(settings)
        searcher = _open(settings, folder, given, root, held)
        _serve(job, searcher, bound, token)
    return 0.0


def _open(
    settings: Settings,
    folder: Path,
    given: Sequence[str],
    root: Path,
    held: Sequence[image_folder.Entry],
) -> Searcher:
    """What searches the gallery, its index brought up to what its folder holds."""
    job, stored = settings.job_as(ServeConfig), restore(settings, given, folder)
    exported = open_exported(stored, job.exported)
    method, network = stored.method, stored.learner.network
    many = parts.build_extractor(method, network, exported=exported)
    one = parts.build_extractor(method, network, exported=exported, batch=1)
    feature, data = main_feature(stored), stored.settings.data

    def extract(pixels: np.ndarray, modality: Modality) -> np.ndarray:
        found: np.ndarray = one.extract_decoded([pixels], 1, modality)[feature][0]
        return found

    source = Source(extract, data.height, data.width, job.pixels * 10**6)
    with clock("readying the network"):
        channels = _warm(source)
    listing = Listing.searched if job.approximate else Listing.kept
    index = open_index(
        stored, many, root, held, job.gallery_modality, channels=channels, listing=listing
    )
    with clock("reading cameras and times"):
        known = labels.read(root, index.names)
    return Searcher(root, index, known, source)


def _warm(source: Source) -> int:
    """Have the network compiled before anybody waits for it; how many channels features have."""
    blank = np.zeros((source.height, source.width, 3), np.uint8)
    channels = {len(source.extract(blank, modality)) for modality in Modality}
    return channels.pop()


def _serve(
    job: ServeConfig, searcher: Searcher, bound: socket.socket, token: Optional[str]
) -> None:
    from ddag.serve import server
    from ddag.serve.app import Limits, create

    limits = Limits(job.upload << 20, job.rate)
    app = create(searcher, job.gallery_modality, limits, token=token is not None)
    guard = Guard(app, hosts=server.names(job.host, bound), token=token)

    def begun() -> None:
        log.info("%d images to be searched; Ctrl-C stops the server", len(searcher.gallery))
        # Printed and not logged: a token that stands in a file is one that others may read.
        show_line(plain(f"Open {server.address(bound, job.host, token)}"))

    server.serve(guard, bound, begun)
