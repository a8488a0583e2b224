"""The jobs that trade with other programs: weights in and out, features out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import Tensor

from ddag.datasets import sources
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.settings.choices import Backbone
from ddag.settings.composition import to_plain
from ddag.settings.jobs import ExportConfig, ExtractConfig, ImportConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, restore
from ddag.training import parts as build
from ddag.weights import files as weight_files
from ddag.weights import filling as weights
from ddag.weights.names import translate

log = logging.getLogger(__name__)


def import_weights(settings: Settings, given: Sequence[str]) -> None:
    """Write a checkpoint of ours from a file of foreign weights.

    A whole DDAG becomes a checkpoint for ``job=evaluate``, on the data set of these settings; a
    backbone alone becomes one for ``model.pretrained``.

    Raises:
        InputError: the file cannot be read or is of something else.
    """
    job = settings.job
    assert isinstance(job, ImportConfig)
    build.configure_device(settings)
    name = f"job.source={job.source}"
    read = weight_files.read(Path(job.source), name)
    found = weights.infer_architecture(read, name)
    if not found["identities"]:
        values = translate(read, name).values
        checkpoint.write(Path(job.target), {name: Tensor(value) for name, value in values.items()})
        log.info("%s holds a %s without heads", job.source, found["backbone"])
    else:
        settings = _with_network(settings, found)
        network = build.build_network(settings, found["identities"])
        report = weights.fill(network, read, name, for_training=False)
        for line in report.lines():
            log.info("%s", line)
        meta = {
            "settings": to_plain(settings),
            "identities": found["identities"],
            "epoch": 0,
            "step": 0,
            "source": Path(job.source).name,
        }
        checkpoint.save(Path(job.target), network, meta=meta)
    log.info("Wrote %s", job.target)


def export_weights(settings: Settings, given: Sequence[str]) -> None:
    """Write a checkpoint of ours under the names of the authors' release.

    Raises:
        InputError: the checkpoint cannot be read.
    """
    job = settings.job
    assert isinstance(job, ExportConfig)
    build.configure_device(settings)
    weights.write_original(restore.network(settings, []).network, Path(job.target))
    log.info("Wrote %s", job.target)


def extract(settings: Settings, given: Sequence[str]) -> None:
    """Write the features of query and gallery of a checkpoint's test set into an ``.npz`` file.

    Its arrays, for the query and, under ``gallery_``, for the gallery, rows in the protocol's
    order: ``query_feat`` and, with IWPA, ``query_feat_att`` ``(N, C)`` float32 of length 1,
    ``query_identities`` and ``query_cameras`` ``(N,)`` int64, ``query_paths`` ``(N,)`` str. The
    gallery holds each image of any trial once; ``trial_0``, ... are the rows of each trial.

    Raises:
        InputError: the checkpoint or its data set does not work, or the file cannot be written.
    """
    job = settings.job
    assert isinstance(job, ExtractConfig)
    build.configure_device(settings)
    stored = restore.network(settings, given)
    test_set = sources.read_test(stored.settings.dataset, stored.settings.data)
    evaluator = build.build_evaluator(stored.settings, stored.network, test_set, flip=job.flip)
    arrays = {f"trial_{number}": rows for number, rows in enumerate(test_set.trials)}
    with bar("extracting", len(test_set.query) + len(test_set.gallery)) as advance:
        for name, records in (("query", test_set.query), ("gallery", test_set.gallery)):
            for feature, values in evaluator.extract(records, advance).items():
                arrays[f"{name}_{feature}"] = values
            arrays[f"{name}_identities"] = records.identities
            arrays[f"{name}_cameras"] = records.cameras
            arrays[f"{name}_paths"] = records.paths
    try:
        with replacing(Path(job.output)) as draft:
            np.savez(draft, **arrays)
    except OSError as error:
        raise InputError(f"job.output={job.output}: cannot be written ({error})") from error
    log.info("Wrote %s", job.output)


JOBS: dict[str, Callable[[Settings, Sequence[str]], None]] = {
    "extract": extract,
    "import_weights": import_weights,
    "export_weights": export_weights,
}


def _with_network(settings: Settings, found: dict[str, Any]) -> Settings:
    """The settings with the network that a file of weights was."""
    model = replace(
        settings.model,
        backbone=Backbone[found["backbone"]],
        part=found["part"],
        graph=found["graph"],
        low_dim=found.get("low_dim", settings.model.low_dim),
        heads=found.get("heads", settings.model.heads),
    )
    return replace(settings, model=model)
