"""The job index: features of a folder of images, kept to be searched."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ddag.data import image_folder
from ddag.gallery import clustering
from ddag.gallery.keeping import Listing
from ddag.gallery.opening import open_index
from ddag.settings.jobs import IndexConfig
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.restore import open_exported, restore

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Bring the index of a gallery up to what the gallery's folder holds.

    Args:
        settings: name the checkpoint and the gallery.
        folder: the run folder.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint, its files or the gallery do not work, nothing can be kept
            beside the checkpoint, or lists cannot be made or do not pay.
    """
    job = settings.job_as(IndexConfig)
    if job.lists:
        clustering.refuse_missing("job.lists=true")
    root = Path(job.gallery)
    held = image_folder.list_images(root)
    parts.configure_device(settings)
    stored = restore(settings, given, folder)
    extractor = parts.build_extractor(
        stored.method, stored.learner.network, exported=open_exported(stored, job.exported)
    )
    dtype = np.dtype(job.dtype.name) if job.dtype else None
    listing = Listing.made if job.lists else Listing.kept
    index = open_index(
        stored,
        extractor,
        root,
        held,
        job.gallery_modality,
        dtype=dtype,
        required=True,
        listing=listing,
    )
    log.info("%d images, %d numbers of %s each", len(index), index.channels, index.dtype)
    return 0.0
