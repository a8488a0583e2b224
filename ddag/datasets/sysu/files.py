"""SYSU-MM01: 491 people before four visible and two infrared cameras; its files and training set.

On disk: ``cam1`` to ``cam6``, in each ``<4-digit identity>/<4-digit number>.jpg``, and
``exp/{train,val,test}_id.txt``, one line of comma-separated identities each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddag.data.records import Records, TrainSet
from ddag.datasets.lists import relabel, whole_number
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

VISIBLE_CAMERAS = (1, 2, 4, 5)
INFRARED_CAMERAS = (3, 6)
SPLITS = ("train", "val", "test")

# Published. Source: Wu et al., ICCV 2017, and section 4.1 of the DDAG paper.
PUBLISHED_TRAIN_IDENTITIES = 395  # train and val together
PUBLISHED_TRAIN_VISIBLE = 22258
PUBLISHED_TRAIN_INFRARED = 11909
PUBLISHED_TEST_IDENTITIES = 96
PUBLISHED_QUERIES = 3803

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_LAYOUT = (
    "SYSU-MM01 is given on request by its authors, https://github.com/wuancong/SYSU-MM01, and its"
    " folder must hold cam1/ to cam6/ and exp/{train,val,test}_id.txt; set dataset.root=PATH"
)


class ImageFile(NamedTuple):
    """One file, with what its folders say about it."""

    path: str
    identity: int
    camera: int


def read_train(root: Path) -> TrainSet:
    """All images of the train and val identities, numbered 0, 1, ... by rising identity.

    They stand in the order of the field's pre_process_sysu.py: by identity, camera and name.

    Raises:
        InputError: a missing folder or list, an identity that is in the test too or that has
            images in one modality only.
    """
    identities = sorted({*read_identities(root, "train"), *read_identities(root, "val")})
    shared = set(identities) & set(read_identities(root, "test"))
    if shared:
        raise InputError(
            f"dataset.root={root}: identity {min(shared)} is in exp/test_id.txt and in the training"
            " set; restore exp/ from the data set"
        )
    visible = list_split(root, VISIBLE_CAMERAS, identities)
    infrared = list_split(root, INFRARED_CAMERAS, identities)
    _refuse_missing(root, identities, visible, Modality.visible)
    _refuse_missing(root, identities, infrared, Modality.infrared)
    return TrainSet(
        relabel(to_records(visible, Modality.visible), identities),
        relabel(to_records(infrared, Modality.infrared), identities),
    )


def read_identities(root: Path, split: str) -> list[int]:
    """The identities of ``split``, one of ``SPLITS``, rising.

    Raises:
        InputError: no such folder or list, or the list holds none or something else.
    """
    if not root.is_dir():
        raise InputError(f"dataset.root={root}: no such folder; {_LAYOUT}")
    file = root / "exp" / f"{split}_id.txt"
    if not file.is_file():
        raise InputError(f"dataset.root={root}: exp/{file.name} is missing there; {_LAYOUT}")
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    words = text.replace(",", " ").split()
    wrong = [word for word in words if whole_number(word) is None]
    if wrong or not words:
        fault = f"{wrong[0]!r} is not an identity" if wrong else "names no identity"
        raise InputError(f"{file}: {fault}; write whole numbers separated by commas")
    return sorted({int(word) for word in words})


def list_images(root: Path, camera: int, identity: int) -> list[str]:
    """Paths of one person's images by one camera, by name; empty where the camera has none.

    Hidden files, and files that are no images by their ending, are passed over.

    Raises:
        InputError: the camera's folder is missing.
    """
    folder = root / f"cam{camera}"
    if not folder.is_dir():
        raise InputError(f"dataset.root={root}: cam{camera}/ is missing there; {_LAYOUT}")
    person = folder / f"{identity:04d}"
    if not person.is_dir():
        return []
    names = sorted(file.name for file in person.iterdir() if file.suffix.lower() in _SUFFIXES)
    return [str(person / name) for name in names if not name.startswith(".")]


def strays(root: Path) -> list[str]:
    """What lies in the cameras' folders and is passed over for its name, by path."""
    found = []
    for camera in (*VISIBLE_CAMERAS, *INFRARED_CAMERAS):
        for person in sorted((root / f"cam{camera}").iterdir()):
            if not (person.is_dir() and len(person.name) == 4 and person.name.isdecimal()):
                found.append(str(person))
                continue
            taken = set(list_images(root, camera, int(person.name)))
            found += [str(file) for file in sorted(person.iterdir()) if str(file) not in taken]
    return found


def list_split(root: Path, cameras: Iterable[int], identities: Iterable[int]) -> list[ImageFile]:
    """Every image of ``identities`` by ``cameras``: by identity, then camera, then name."""
    cameras = tuple(cameras)
    return [
        ImageFile(path, identity, camera)
        for identity in identities
        for camera in cameras
        for path in list_images(root, camera, identity)
    ]


def to_records(images: Sequence[ImageFile], modality: Modality) -> Records:
    """At least one image as records, in the same order."""
    paths, identities, cameras = zip(*images)
    return Records(
        paths=np.array(paths),
        identities=np.array(identities, np.int64),
        cameras=np.array(cameras, np.int64),
        modality=modality,
    )


def _refuse_missing(
    root: Path, identities: Sequence[int], images: Sequence[ImageFile], modality: Modality
) -> None:
    missing = set(identities) - {image.identity for image in images}
    if missing:
        raise InputError(
            f"dataset.root={root}: training identity {min(missing)} has no {modality.value}"
            f" image ({len(missing)} such identities); restore cam1/ to cam6/ from the data set"
        )
