"""The job extract: features of query and gallery into a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ddag.machine.bar import bar
from ddag.machine.files import replacing
from ddag.settings.jobs import ExtractConfig
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.restore import open_exported, restore

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write the features of query and gallery of a checkpoint's test set into an ``.npz`` file.

    Its arrays, for the query and, under ``gallery_``, for the gallery, rows in the protocol's
    order: ``query_feat`` and the method's other features, ``(N, C)`` float32 of length 1,
    ``query_identities`` and ``query_cameras`` ``(N,)`` int64, ``query_paths`` ``(N,)`` str. The
    gallery holds each image of any trial once; ``trial_0``, ... are the rows of each trial.

    Raises:
        InputError: the checkpoint, its files or its data set do not work, or the file cannot be
            written.
    """
    job = settings.job_as(ExtractConfig)
    parts.configure_device(settings)
    stored = restore(settings, given, folder)
    test_set = stored.dataset.read_test()
    extractor = parts.build_extractor(
        stored.method,
        stored.learner.network,
        flip=job.flip,
        exported=open_exported(stored, job.exported),
    )
    arrays = {f"trial_{number}": rows for number, rows in enumerate(test_set.trials)}
    with bar("extracting", len(test_set.query) + len(test_set.gallery)) as advance:
        for name, records in (("query", test_set.query), ("gallery", test_set.gallery)):
            features = extractor.extract(records.paths.tolist(), records.modality, advance)
            for feature, values in features.items():
                arrays[f"{name}_{feature}"] = values
            arrays[f"{name}_identities"] = records.identities
            arrays[f"{name}_cameras"] = records.cameras
            arrays[f"{name}_paths"] = records.paths
    with replacing(Path(job.output)) as draft:
        np.savez(draft, **arrays)
    log.info("Wrote %s", job.output)
    return 0.0
