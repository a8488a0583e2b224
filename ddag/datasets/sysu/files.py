"""SYSU-MM01: 491 people before four visible and two infrared cameras; its files and training set.

On disk: ``cam1`` to ``cam6``, in each ``<4-digit identity>/<4-digit number>.jpg``, and
``exp/{train,val,test}_id.txt``, one line of comma-separated identities each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from ddag.data.records import TrainSet
from ddag.datasets import galleries, lists
from ddag.datasets.galleries import ImageFile, to_records
from ddag.datasets.lists import relabel
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

_LAYOUT = (
    "SYSU-MM01 is given on request by its authors, https://github.com/wuancong/SYSU-MM01, and its"
    " folder must hold cam1/ to cam6/ and exp/{train,val,test}_id.txt; set dataset.root=PATH"
)


def read_train(root: Path) -> TrainSet:
    """All images of the train and val identities, numbered 0, 1, ... by rising identity.

    They stand in the order of the field's pre_process_sysu.py: by identity, camera and name.

    Raises:
        InputError: a missing folder or list, an identity that is in the test too or that has
            images in one modality only.
    """
    identities = train_identities(root)
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


def train_identities(root: Path) -> list[int]:
    """The identities of training, train and val together, rising; raises as ``read_identities``."""
    return sorted({*read_identities(root, "train"), *read_identities(root, "val")})


def read_identities(root: Path, split: str) -> list[int]:
    """The identities of ``split``, one of ``SPLITS``, rising.

    Raises:
        InputError: no such folder or list, or the list holds none or something else.
    """
    return lists.read_identities(lists.require_file(root, f"exp/{split}_id.txt", _LAYOUT))


def list_images(root: Path, camera: int, identity: int) -> list[str]:
    """Paths of one person's images by one camera, by name; empty where the camera has none.

    Hidden files, and files that are no images by their ending, are passed over.

    Raises:
        InputError: the camera's folder is missing.
    """
    folder = root / f"cam{camera}"
    if not folder.is_dir():
        raise InputError(f"dataset.root={root}: cam{camera}/ is missing there; {_LAYOUT}")
    return lists.list_images(folder / f"{identity:04d}")


def strays(root: Path) -> list[str]:
    """What lies in the cameras' folders and is passed over for its name, by path."""
    cameras = (root / f"cam{camera}" for camera in (*VISIBLE_CAMERAS, *INFRARED_CAMERAS))
    return lists.list_strays(cameras, lambda name: re.fullmatch("[0-9]{4}", name) is not None)


def list_split(root: Path, cameras: Iterable[int], identities: Iterable[int]) -> list[ImageFile]:
    """Every image of ``identities`` by ``cameras``: by identity, then camera, then name."""
    return [image for held in list_by_camera(root, cameras, identities) for image in held]


def list_by_camera(
    root: Path, cameras: Iterable[int], identities: Iterable[int]
) -> list[list[ImageFile]]:
    """For each of ``identities`` and camera in order the images, where there are any."""
    return galleries.list_by_camera(identities, tuple(cameras), partial(list_images, root))


def _refuse_missing(
    root: Path, identities: Sequence[int], images: Sequence[ImageFile], modality: Modality
) -> None:
    missing = set(identities) - {image.identity for image in images}
    if missing:
        raise InputError(
            f"dataset.root={root}: training identity {min(missing)} has no {modality.value}"
            f" image ({len(missing)} such identities); restore cam1/ to cam6/ from the data set"
        )
