"""From a data set's settings to its images: generated or prepared where needed, and read."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from ddag.data import images as image_files
from ddag.data.records import TestSet, TrainSet
from ddag.datasets import regdb
from ddag.datasets.sysu import files as sysu
from ddag.datasets.sysu import prepare as sysu_prepare
from ddag.datasets.sysu import protocol as sysu_protocol
from ddag.machine.bar import bar
from ddag.people import generate as synthetic
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig, DatasetConfig, RegdbConfig, SysuConfig

log = logging.getLogger(__name__)

PUBLISHED_GALLERIES = 10  # of SYSU-MM01


def list_train(dataset: DatasetConfig, data: DataConfig) -> TrainSet:
    """The training set, generated or prepared where it must be; RegDB's still without pixels.

    Raises:
        InputError: the data set is missing or broken.
    """
    generate(dataset)
    root = Path(dataset.root)
    if isinstance(dataset, SysuConfig):
        if not sysu_prepare.is_prepared(root):
            prepare(dataset, data)
        return sysu_prepare.read_prepared(root, height=data.height, width=data.width)
    return regdb.read_train(root, trial=_regdb(dataset).trial)


def load(listed: TrainSet, data: DataConfig) -> TrainSet:
    """The listed training set with its pixels: in memory, or mapped from disk as they are.

    Raises:
        InputError: an image cannot be read.
    """
    if listed.visible.pixels is not None:
        return listed
    loaded = []
    with bar("reading images", len(listed.visible) + len(listed.infrared)) as advance:
        for records in (listed.visible, listed.infrared):
            loaded.append(
                image_files.load(
                    records,
                    height=data.height,
                    width=data.width,
                    skip_broken=data.broken is Broken.skip,
                    advance=advance,
                )
            )
    return TrainSet(*loaded)


def read_test(dataset: DatasetConfig, data: DataConfig, *, decode: bool = False) -> TestSet:
    """Query and galleries; images stay on disk.

    Args:
        dataset: where they are.
        data: whether broken images are left out.
        decode: decode each image once, so that a broken one is found now and not when used.

    Raises:
        InputError: the data set is missing or broken.
    """
    generate(dataset)
    root = Path(dataset.root)
    if isinstance(dataset, SysuConfig):
        test_set = sysu_protocol.read_test(
            root,
            search=dataset.search.value,
            shots=dataset.shots,
            trials=range(PUBLISHED_GALLERIES),
            gallery=dataset.gallery.value,
        )
    else:
        split = _regdb(dataset)
        test_set = regdb.read_test(root, trial=split.trial, direction=split.direction.value)
    skip = data.broken is Broken.skip
    return _decodable(test_set, skip_broken=skip) if decode or skip else test_set


def fingerprint(train_set: TrainSet) -> str:
    """SHA-256 over the names and identities of the training images, in their order."""
    digest = hashlib.sha256()
    for records in (train_set.visible, train_set.infrared):
        digest.update("\n".join(Path(path).name for path in records.paths).encode())
        digest.update(records.identities.astype(np.int64).tobytes())
    return digest.hexdigest()


def describe(dataset: DatasetConfig) -> dict[str, Any]:
    """What a figure must be read with: data set, query and gallery."""
    if isinstance(dataset, SysuConfig):
        return {
            "dataset": dataset.name,
            "search": dataset.search.value,
            "gallery": dataset.gallery.value,
            "shots": dataset.shots,
            "galleries": PUBLISHED_GALLERIES,
        }
    split = _regdb(dataset)
    return {"dataset": dataset.name, "direction": split.direction.value, "trial": split.trial}


def generate(dataset: DatasetConfig) -> None:
    """Write the people of a generated data set, unless they are there."""
    if dataset.generate is None:
        return
    root = Path(dataset.root)
    people: dict[str, Any] = {
        "layout": layout(dataset),
        "identities": dataset.generate.identities,
        "images": dataset.generate.images,
        "seed": dataset.generate.seed,
    }
    if not root.exists():
        log.info("Generating people into %s", root)
    with bar("generating people", synthetic.image_count(**people)) as advance:
        synthetic.generate(root, **people, advance=advance)


def prepare(dataset: SysuConfig, data: DataConfig) -> None:
    """Decode SYSU-MM01's training images into arrays in the data set's folder."""
    generate(dataset)
    root = Path(dataset.root)
    log.info("Preparing %s: decoding its training images once", root)
    train = sysu.read_train(root)
    with bar("decoding images", len(train.visible) + len(train.infrared)) as advance:
        sysu_prepare.prepare(
            root,
            height=data.height,
            width=data.width,
            skip_broken=data.broken is Broken.skip,
            advance=advance,
        )


def layout(dataset: DatasetConfig) -> str:
    """Whose folders and lists the data set has: ``sysu`` or ``regdb``."""
    return "sysu" if isinstance(dataset, SysuConfig) else "regdb"


def _decodable(test_set: TestSet, *, skip_broken: bool) -> TestSet:
    with bar("checking images", len(test_set.query) + len(test_set.gallery)) as advance:
        query, gallery = (
            image_files.readable(records, skip_broken=skip_broken, advance=advance)
            for records in (test_set.query, test_set.gallery)
        )
    return test_set.select(query, gallery)


def _regdb(dataset: DatasetConfig) -> RegdbConfig:
    if not isinstance(dataset, RegdbConfig):
        raise TypeError(f"no reader for {type(dataset).__name__}")
    return dataset
