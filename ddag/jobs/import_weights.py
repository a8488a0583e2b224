"""The job import_weights: foreign weights into a checkpoint of ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mindspore import Tensor

from ddag.composition import names_dataset
from ddag.machine.errors import InputError
from ddag.methods import open_method
from ddag.settings.choices import Backbone
from ddag.settings.jobs import ImportConfig
from ddag.settings.plain import to_plain
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.description import Description
from ddag.weights import files, filling
from ddag.weights.names import Arrays, translate

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write a checkpoint of ours from a file of foreign weights.

    The whole network of a method becomes a checkpoint for ``job=evaluate``, on the data set of
    these settings; a backbone alone becomes one for ``model.pretrained``.

    Raises:
        InputError: the file cannot be read or is of something else.
    """
    job = settings.job_as(ImportConfig)
    parts.configure_device(settings)
    source, target = f"job.source={job.source}", Path(job.target)
    read = files.read(Path(job.source), source)
    names = open_method(settings).names
    found = filling.infer_architecture(read, source, names)
    if found["identities"]:
        _refuse_unsaid_dataset(source, given)
        _write_network(target, read, source, settings=settings, found=found)
    else:
        values = translate(read, source, names).values
        checkpoint.write(target, {name: Tensor(value) for name, value in values.items()})
        log.info("%s holds a %s without heads", job.source, found["backbone"])
    log.info("Wrote %s", target)
    return 0.0


def _refuse_unsaid_dataset(source: str, given: Sequence[str]) -> None:
    """Refuse a network for a data set that nothing tells: it would be scored at the wrong size."""
    if not names_dataset(given):
        raise InputError(
            f"{source}: holds a whole network, but not for which data set and image size; add"
            " dataset=NAME, and data.height and data.width if they were not that data set's"
        )


def _write_network(
    target: Path, read: Arrays, source: str, *, settings: Settings, found: dict[str, Any]
) -> None:
    """Write the checkpoint of a whole network; ``found``: what its weights tell of it."""
    told = dict(found)
    identities, backbone = told.pop("identities"), Backbone[told.pop("backbone")]
    settings = replace(settings, model=replace(settings.model, backbone=backbone, **told))
    method = open_method(settings)
    learner = parts.build_learner(method, identities)
    report = filling.fill(learner, read, source, names=method.names, for_training=False)
    for line in report.lines():
        log.info("%s", line)
    name = Path(settings.job_as(ImportConfig).source).name
    described = Description(to_plain(settings), identities=identities, epoch=0, step=0, source=name)
    checkpoint.save(target, learner, described)
    data = settings.data
    log.info(
        "%s holds a network for %d people; recorded for dataset=%s, images of %d x %d pixels",
        name,
        identities,
        settings.dataset.name,
        data.height,
        data.width,
    )
