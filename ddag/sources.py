"""From a data set's settings to its pictures: generated or prepared where needed, and read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ddag.data import pictures, regdb, synthetic, sysu, sysu_prepare, sysu_protocol
from ddag.data.records import TestSet, TrainSet
from ddag.data_settings import DataConfig, DatasetConfig, RegdbConfig, SysuConfig
from ddag.tracking import progress

log = logging.getLogger(__name__)

PUBLISHED_GALLERIES = 10  # of SYSU-MM01


def read_train(dataset: DatasetConfig, data: DataConfig) -> TrainSet:
    """The training set with its pixels: RegDB's in memory, SYSU-MM01's mapped from disk.

    Raises:
        InputError: the data set is missing or broken.
    """
    generate(dataset)
    root = Path(dataset.root)
    if isinstance(dataset, SysuConfig):
        if not sysu_prepare.is_prepared(root):
            prepare(dataset, data)
        return sysu_prepare.read_prepared(root, height=data.height, width=data.width)
    train = regdb.read_train(root, trial=_regdb(dataset).trial)
    loaded = []
    with progress("reading pictures", len(train.visible) + len(train.infrared)) as advance:
        for records in (train.visible, train.infrared):
            loaded.append(
                pictures.load(records, height=data.height, width=data.width, advance=advance)
            )
    return TrainSet(*loaded)


def read_test(dataset: DatasetConfig) -> TestSet:
    """Query and galleries; pictures stay on disk.

    Raises:
        InputError: the data set is missing or broken.
    """
    generate(dataset)
    root = Path(dataset.root)
    if isinstance(dataset, SysuConfig):
        return sysu_protocol.read_test(
            root,
            search=dataset.search.value,
            shots=dataset.shots,
            trials=range(PUBLISHED_GALLERIES),
            gallery=dataset.gallery.value,
        )
    split = _regdb(dataset)
    return regdb.read_test(root, trial=split.trial, direction=split.direction.value)


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
        "pictures": dataset.generate.pictures,
        "seed": dataset.generate.seed,
    }
    if not root.exists():
        log.info("Generating people into %s", root)
    with progress("generating people", synthetic.picture_count(**people)) as advance:
        synthetic.generate(root, **people, advance=advance)


def prepare(dataset: SysuConfig, data: DataConfig) -> None:
    """Decode SYSU-MM01's training pictures into arrays in the data set's folder."""
    generate(dataset)
    root = Path(dataset.root)
    log.info("Preparing %s: decoding its training pictures once", root)
    train = sysu.read_train(root)
    with progress("decoding pictures", len(train.visible) + len(train.infrared)) as advance:
        sysu_prepare.prepare(root, height=data.height, width=data.width, advance=advance)


def layout(dataset: DatasetConfig) -> str:
    """Whose folders and lists the data set has: ``sysu`` or ``regdb``."""
    return "sysu" if isinstance(dataset, SysuConfig) else "regdb"


def _regdb(dataset: DatasetConfig) -> RegdbConfig:
    if not isinstance(dataset, RegdbConfig):
        raise TypeError(f"no reader for {type(dataset).__name__}")
    return dataset
