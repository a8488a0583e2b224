"""RegDB: ten splits of 412 people, each with 10 visible and 10 thermal images.

On disk: ``Visible/<person>/*.bmp``, ``Thermal/<person>/*.bmp`` and, for each split,
``idx/{train,test}_{visible,thermal}_{1..10}.txt`` with lines ``Visible/12/name.bmp 7``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from ddag.data.records import Records, TestSet, TrainSet
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

# Published for every split. Source: Nguyen et al., Sensors 17(3):605, 2017.
PUBLISHED_IDENTITIES = 206  # in training, and as many others in the test
PUBLISHED_PICTURES = 2060  # a split and modality

_LAYOUT = (
    "RegDB (DBPerson-Recog-DB1) is given on request by Dongguk University,"
    " http://dm.dongguk.edu/link.html, and its folder must hold Visible/, Thermal/ and"
    " idx/{train,test}_{visible,thermal}_{1..10}.txt; set dataset.root=PATH"
)
_FILE_WORD = {Modality.visible: "visible", Modality.infrared: "thermal"}
_CAMERA = {Modality.visible: 1, Modality.infrared: 2}


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
        _refuse_missing(labels, records, _list_file(root, "train", records.modality, trial))
        _refuse_overlap(records, _read_list(root, "test", records.modality, trial), trial)
    return TrainSet(_relabel(visible, labels), _relabel(infrared, labels))


def read_test(root: Path, *, trial: int, direction: Literal["v2i", "i2v"]) -> TestSet:
    """Query and gallery of one split, identities as in the file.

    Args:
        root: folder of the data set.
        trial: which of the ten splits, from 1.
        direction: ``v2i`` seeks each visible image among the infrared ones, ``i2v`` the
            reverse.

    Raises:
        InputError: a missing or malformed list.
    """
    query_modality, gallery_modality = _modalities(direction)
    query = _read_list(root, "test", query_modality, trial)
    gallery = _read_list(root, "test", gallery_modality, trial)
    return TestSet(query, gallery, trials=(np.arange(len(gallery)),))


def _modalities(direction: str) -> tuple[Modality, Modality]:
    """Modality of the query and of the gallery: the only place that decides it."""
    if direction == "v2i":
        return Modality.visible, Modality.infrared
    if direction == "i2v":
        return Modality.infrared, Modality.visible
    raise InputError(f"dataset.direction={direction}: no such direction; use v2i or i2v")


def _list_file(root: Path, split: str, modality: Modality, trial: int) -> Path:
    return root / "idx" / f"{split}_{_FILE_WORD[modality]}_{trial}.txt"


def _read_list(root: Path, split: str, modality: Modality, trial: int) -> Records:
    """The images that one list file names, in its order."""
    if not root.is_dir():
        raise InputError(f"dataset.root={root}: no such folder; {_LAYOUT}")
    file = _list_file(root, split, modality, trial)
    if not file.is_file():
        raise InputError(f"dataset.root={root}: idx/{file.name} is missing there; {_LAYOUT}")
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    entries = [
        _parse_line(line, f"{file}:{number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not entries:
        raise InputError(f"{file}: names no image; restore the file from the data set")
    paths, labels = zip(*entries)
    return Records(
        paths=np.array([str(root / path) for path in paths]),
        identities=np.array(labels, np.int64),
        cameras=np.full(len(labels), _CAMERA[modality], np.int64),
        modality=modality,
    )


def _parse_line(line: str, place: str) -> tuple[str, int]:
    """Path within the data set and label of ``Visible/12/name.bmp 7``; names may hold blanks."""
    words = line.strip().rsplit(maxsplit=1)
    if len(words) != 2 or not words[1].isdecimal():
        raise InputError(
            f"{place}: {line.strip()!r} is not a path, a blank and a whole number;"
            " restore the file from the data set"
        )
    path = PurePosixPath(words[0])
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{place}: {words[0]!r} leads out of the data set; use a path within it")
    return str(path), int(words[1])


def _refuse_missing(labels: np.ndarray, records: Records, file: Path) -> None:
    missing = np.setdiff1d(labels, records.identities)
    if len(missing):
        raise InputError(
            f"{file}: identity {missing[0]} has no {records.modality.value} image here, but one"
            " in the other modality; restore the file from the data set"
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


def _relabel(records: Records, labels: np.ndarray) -> Records:
    return replace(records, identities=np.searchsorted(labels, records.identities))
