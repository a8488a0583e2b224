"""RegDB: ten splits of 412 people, each with 10 visible and 10 thermal images.

On disk: ``Visible/<person>/*.bmp``, ``Thermal/<person>/*.bmp`` and, for each split,
``idx/{train,test}_{visible,thermal}_{1..10}.txt`` with lines ``Visible/12/name.bmp 7``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from ddag.data.protocol import Protocol, exclude_nothing
from ddag.data.records import Records, TestSet, TrainSet
from ddag.datasets.dataset import Count, Dataset
from ddag.datasets.direction import Direction
from ddag.datasets.lists import read_labelled, refuse_missing, relabel, require_file
from ddag.machine.errors import InputError, require
from ddag.settings.choices import Modality
from ddag.settings.data import DatasetConfig

# Published for every split. Source: Nguyen et al., Sensors 17(3):605, 2017.
PUBLISHED_IDENTITIES = 206  # in training, and as many others in the test
PUBLISHED_IMAGES = 2060  # a split and modality
TRIALS = range(1, 11)

_LAYOUT = (
    "RegDB (DBPerson-Recog-DB1) is given on request by Dongguk University,"
    " http://dm.dongguk.edu/link.html, and its folder must hold Visible/, Thermal/ and"
    " idx/{train,test}_{visible,thermal}_{1..10}.txt; set dataset.root=PATH"
)
_FILE_WORD = {Modality.visible: "visible", Modality.infrared: "thermal"}
_CAMERA = {Modality.visible: 1, Modality.infrared: 2}


@dataclass
class RegdbConfig(DatasetConfig):
    """RegDB, or people generated in its layout."""

    trial: int = MISSING  # the split, 1 to 10
    direction: Direction = MISSING  # v2i: visible queries, infrared gallery; i2v: the reverse

    def __post_init__(self) -> None:
        require(self.trial in TRIALS, "dataset.trial", self.trial, "RegDB has splits 1 to 10")


class RegDB(Dataset[RegdbConfig]):
    """One split of RegDB."""

    config = RegdbConfig
    split_keys = ("trial",)
    # Query and gallery are of different cameras: there is nothing that a query passes over.
    protocol = Protocol(excluded=exclude_nothing, cmc_counts="images")

    def describe(self) -> dict[str, Any]:
        """Which split, and which modality seeks which."""
        chosen = self.settings
        return {**super().describe(), "direction": chosen.direction.value, "trial": chosen.trial}

    def _list_train(self) -> TrainSet:
        return read_train(self.root, trial=self.settings.trial)

    def _list_test(self) -> TestSet:
        chosen = self.settings
        return read_test(self.root, trial=chosen.trial, direction=chosen.direction)

    def _count(self) -> tuple[list[Count], list[str]]:
        """Of all ten splits."""
        parts = []
        for trial in TRIALS:
            train = read_train(self.root, trial=trial)
            test = read_test(self.root, trial=trial, direction=Direction.v2i)
            parts += [(f"split {trial}, train", held) for held in (train.visible, train.infrared)]
            parts += [(f"split {trial}, test", held) for held in (test.query, test.gallery)]
        counts = [
            Count.of(
                f"{part}, {held.modality.value}",
                held,
                published_identities=PUBLISHED_IDENTITIES,
                published_images=PUBLISHED_IMAGES,
            )
            for part, held in parts
        ]
        return counts, sorted({path for _, held in parts for path in held.paths.tolist()})


def read_train(root: Path, *, trial: int) -> TrainSet:
    """The training images of one split, identities 0, 1, ... in the order of the file's labels.

    Raises:
        InputError: a missing or malformed list, an identity in one modality only, or a person
            whose images are in the test too.
    """
    visible = _read_list(root, "train", Modality.visible, trial)
    infrared = _read_list(root, "train", Modality.infrared, trial)
    labels = np.union1d(visible.identities, infrared.identities)
    for records in (visible, infrared):
        refuse_missing(labels, records, root / _list_file("train", records.modality, trial))
        _refuse_overlap(records, _read_list(root, "test", records.modality, trial), trial)
    return TrainSet(relabel(visible, labels), relabel(infrared, labels))


def read_test(root: Path, *, trial: int, direction: Direction) -> TestSet:
    """Query and gallery of one split, identities as in the file.

    Args:
        root: folder of the data set.
        trial: which of the ten splits, from 1.
        direction: ``v2i`` seeks each visible image among the infrared ones, ``i2v`` the
            reverse.

    Raises:
        InputError: a missing or malformed list.
    """
    query = _read_list(root, "test", direction.query, trial)
    gallery = _read_list(root, "test", direction.gallery, trial)
    return TestSet(query, gallery, trials=(np.arange(len(gallery)),))


def _list_file(split: str, modality: Modality, trial: int) -> str:
    return f"idx/{split}_{_FILE_WORD[modality]}_{trial}.txt"


def _read_list(root: Path, split: str, modality: Modality, trial: int) -> Records:
    """The images that one list file names, in its order."""
    file = require_file(root, _list_file(split, modality, trial), _LAYOUT)
    paths, labels = zip(*read_labelled(file))
    return Records(
        paths=np.array([str(root / path) for path in paths]),
        identities=np.array(labels, np.int64),
        cameras=np.full(len(labels), _CAMERA[modality], np.int64),
        modality=modality,
    )


def _refuse_overlap(train: Records, test: Records, trial: int) -> None:
    # Labels start over in each list, so only the person's folder tells people apart.
    shared = {str(Path(path).parent) for path in train.paths} & {
        str(Path(path).parent) for path in test.paths
    }
    if shared:
        raise InputError(
            f"dataset.trial={trial}: {min(shared)} is in the training set and in the test;"
            " restore idx/ from the data set"
        )
