"""LLCM: 1,064 people seen in low light by nine visible and eight infrared cameras.

On disk: ``idx/train_vis.txt`` and ``idx/train_nir.txt`` with lines ``vis/0001/name.jpg 0``;
``idx/test_id.txt``, one line of comma-separated identities; and for the test
``test_vis/cam{1..9}/<4-digit identity>/*.jpg`` and the same in ``test_nir/``, which has no cam3.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from omegaconf import MISSING

from ddag.data.protocol import Protocol, exclude_identity_and_camera
from ddag.data.records import Records, TestSet, TrainSet
from ddag.datasets.dataset import Count, Dataset
from ddag.datasets.direction import Direction
from ddag.datasets.galleries import (
    ImageFile,
    draw_galleries,
    list_by_camera,
    random_draw,
    to_records,
)
from ddag.datasets.lists import (
    list_images,
    list_strays,
    read_identities,
    read_labelled,
    refuse_missing,
    relabel,
    require_file,
)
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality
from ddag.settings.data import DatasetConfig

CAMERAS = {Modality.visible: tuple(range(1, 10)), Modality.infrared: (1, 2, 4, 5, 6, 7, 8, 9)}
FILE_WORD = {Modality.visible: "vis", Modality.infrared: "nir"}
PUBLISHED_GALLERIES = 10

# Published. Source: Zhang and Wang, CVPR 2023. The paper prints 13,909 test images, which does not
# go with its total; 15,846 does, and is what the two modalities of the test add up to.
PUBLISHED_IDENTITIES = 1064
PUBLISHED_IMAGES = 46767
PUBLISHED_TRAIN_IDENTITIES = 713
PUBLISHED_TRAIN_IMAGES = {Modality.visible: 16946, Modality.infrared: 13975}
PUBLISHED_TEST_IDENTITIES = 351
PUBLISHED_TEST_IMAGES = {Modality.visible: 8680, Modality.infrared: 7166}

_LAYOUT = (
    "LLCM is given on request by its authors, https://github.com/ZYK100/LLCM, and its folder must"
    " hold idx/train_{vis,nir}.txt, idx/test_id.txt, vis/, nir/, test_vis/cam{1..9}/ and"
    " test_nir/cam{1,2,4..9}/; set dataset.root=PATH"
)

log = logging.getLogger(__name__)


@dataclass
class LlcmConfig(DatasetConfig):
    """LLCM, or people generated in its layout."""

    direction: Direction = MISSING  # v2i: visible queries, infrared gallery; i2v: the reverse


class LLCM(Dataset[LlcmConfig]):
    """LLCM, ranked one way or the other."""

    config = LlcmConfig
    # Both modalities' cameras hang at the same nine places and share their numbers.
    protocol = Protocol(excluded=exclude_identity_and_camera, cmc_counts="identities")

    def describe(self) -> dict[str, Any]:
        """The whole rule: "visible to infrared" alone has two meanings in the field."""
        direction = self.settings.direction
        return {
            **super().describe(),
            "direction": direction.value,
            "query": f"every {direction.query.value} image",
            "gallery": f"one {direction.gallery.value} image of each person and camera",
            "galleries": PUBLISHED_GALLERIES,
        }

    def _list_train(self) -> TrainSet:
        return read_train(self.root)

    def _list_test(self) -> TestSet:
        return read_test(self.root, direction=self.settings.direction)

    def _count(self) -> tuple[list[Count], list[str]]:
        """Of training and test by modality, and of everything."""
        for stray in strays(self.root):
            log.warning("%s: passed over; no list names it, or it is no image by its name", stray)
        train, tested = read_train(self.root), _read_test_identities(self.root)
        counts = [
            Count.of(
                f"train, {held.modality.value}",
                held,
                published_identities=PUBLISHED_TRAIN_IDENTITIES,
                published_images=PUBLISHED_TRAIN_IMAGES[held.modality],
            )
            for held in (train.visible, train.infrared)
        ]
        paths = [*train.visible.paths.tolist(), *train.infrared.paths.tolist()]
        for modality in Modality:
            images = [image for held in _list_test(self.root, modality, tested) for image in held]
            people = len({image.identity for image in images})
            published = PUBLISHED_TEST_IDENTITIES, PUBLISHED_TEST_IMAGES[modality]
            counts.append(Count(f"test, {modality.value}", people, len(images), *published))
            paths += [image.path for image in images]
        people = train.identity_count + len(tested)
        total = Count("all", people, len(paths), PUBLISHED_IDENTITIES, PUBLISHED_IMAGES)
        return [*counts, total], paths


def read_train(root: Path) -> TrainSet:
    """The training images in the lists' order, identities 0, 1, ... in that of their labels.

    Raises:
        InputError: a missing or malformed list, one that names an image of the test, or an
            identity in one modality only.
    """
    visible, infrared = (_read_list(root, modality) for modality in Modality)
    labels = np.union1d(visible.identities, infrared.identities)
    for records in (visible, infrared):
        refuse_missing(labels, records, root / _list_file(records.modality))
    return TrainSet(relabel(visible, labels), relabel(infrared, labels))


def read_test(root: Path, *, direction: Direction) -> TestSet:
    """The query and the ten galleries, identities as in the data set.

    Args:
        root: folder of the data set.
        direction: ``v2i`` seeks every visible image of the test among one infrared image of each
            person and camera, ``i2v`` the reverse.

    Raises:
        InputError: a missing folder or list, an identity without images, or none of one modality.

    Source:
        process_query_llcm and process_gallery_llcm in data_manager.py of the authors' release:
        after ``random.seed(trial)`` one ``random.choice`` of the sorted files for each identity
        and camera in order. Their test script can swap the roles, a single-shot query and every
        image as gallery, which gives other numbers; the paper and their training script do not.
    """
    identities = _read_test_identities(root)
    query, candidates = (
        _list_test(root, modality, identities) for modality in (direction.query, direction.gallery)
    )
    for modality, held in ((direction.query, query), (direction.gallery, candidates)):
        if not held:
            raise InputError(
                f"dataset.root={root}: test_{FILE_WORD[modality]}/ has no image of a test identity;"
                " restore it from the data set"
            )
    records = to_records([image for images in query for image in images], direction.query)
    draws = [random_draw(1, trial) for trial in range(PUBLISHED_GALLERIES)]
    return draw_galleries(records, candidates, direction.gallery, draws)


def strays(root: Path) -> list[str]:
    """What lies in the test's folders and is passed over, by path."""
    named = {f"{identity:04d}" for identity in _read_test_identities(root)}
    return list_strays(_camera_folders(root), named.__contains__)


def _list_file(modality: Modality) -> str:
    return f"idx/train_{FILE_WORD[modality]}.txt"


def _camera_folders(root: Path) -> list[Path]:
    """Those of all cameras; raises as ``_camera_folder``."""
    return [
        _camera_folder(root, modality, number)
        for modality in Modality
        for number in CAMERAS[modality]
    ]


def _camera_folder(root: Path, modality: Modality, camera: int) -> Path:
    """The folder of one camera's test images.

    Raises:
        InputError: it is missing.
    """
    folder = root / f"test_{FILE_WORD[modality]}" / f"cam{camera}"
    if not folder.is_dir():
        missing = folder.relative_to(root).as_posix()
        raise InputError(f"dataset.root={root}: {missing}/ is missing there; {_LAYOUT}")
    return folder


def _read_list(root: Path, modality: Modality) -> Records:
    """The images that one training list names, in its order."""
    file = require_file(root, _list_file(modality), _LAYOUT)
    paths, labels = zip(*read_labelled(file))
    for path in paths:
        if PurePosixPath(path).parts[0].startswith("test_"):
            raise InputError(
                f"{file}: {path!r} is an image of the test; restore the file from the data set"
            )
    return Records(
        paths=np.array([str(root / path) for path in paths]),
        identities=np.array(labels, np.int64),
        cameras=np.zeros(len(labels), np.int64),
        modality=modality,
    )


def _read_test_identities(root: Path) -> list[int]:
    """The identities of the test, rising, each with an image in some camera's folder."""
    file = require_file(root, "idx/test_id.txt", _LAYOUT)
    identities = read_identities(file)
    cameras = _camera_folders(root)
    without = [
        identity
        for identity in identities
        if not any((folder / f"{identity:04d}").is_dir() for folder in cameras)
    ]
    if without:
        raise InputError(
            f"{file}: identity {without[0]} has no folder {without[0]:04d} in any camera of the"
            f" test ({len(without)} such identities); restore the data set"
        )
    return identities


def _list_test(root: Path, modality: Modality, identities: Sequence[int]) -> list[list[ImageFile]]:
    """For each identity and camera in order the images by name, where there are any."""

    def images_of(camera: int, identity: int) -> list[str]:
        return list_images(_camera_folder(root, modality, camera) / f"{identity:04d}")

    return list_by_camera(identities, CAMERAS[modality], images_of)
