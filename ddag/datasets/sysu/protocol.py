"""SYSU-MM01's test: a query of the infrared cameras, ten drawn galleries of the visible ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddag.data.records import Records, TestSet
from ddag.datasets.galleries import Draw, ImageFile, draw_galleries, random_draw, to_records
from ddag.datasets.sysu import files as sysu
from ddag.machine.errors import InputError
from ddag.settings.choices import Choice, Modality


class Search(Choice):
    """Which cameras the gallery comes from."""

    all = "all"
    indoor = "indoor"


class Gallery(Choice):
    """Which images a gallery holds: drawn by seed, or the authors' fixed draw."""

    random = "random"
    official = "official"


GALLERY_CAMERAS = {Search.all: (1, 2, 4, 5), Search.indoor: (1, 2)}
PUBLISHED_GALLERY = {Search.all: 301, Search.indoor: 112}  # images, one shot


def read_test(
    root: Path,
    *,
    search: Search,
    shots: int,
    trials: Sequence[int] = range(10),
    gallery: Gallery = Gallery.random,
) -> TestSet:
    """The query and the galleries of the given trials, identities as in the data set.

    Args:
        root: folder of the data set.
        search: ``all`` draws the galleries from cameras 1, 2, 4 and 5, ``indoor`` from 1 and 2. The
            query holds every image of cameras 3 and 6 in both; an indoor query whose person
            neither camera saw has no match, and the metrics leave it out.
        shots: images for each person and camera in a gallery, 1 or 10; all where there are fewer.
        trials: which of the galleries, from 0.
        gallery: ``random`` draws as the field's code does, ``official`` as the data set's authors
            do, from ``exp/rand_perm_cam.mat``.

    Raises:
        InputError: a missing folder or list, no test image, or an unusable rand_perm_cam.mat.

    Source:
        process_query_sysu and process_gallery_sysu in data_manager.py of the authors' release:
        after ``random.seed(trial)`` one ``random.choice`` of the sorted files for each identity
        and camera in order.
    """
    identities = sysu.read_identities(root, "test")
    query = sysu.list_split(root, sysu.INFRARED_CAMERAS, identities)
    candidates = sysu.list_by_camera(root, GALLERY_CAMERAS[search], identities)
    if not query or not candidates:
        empty = f"the {search.value} gallery's cameras" if query else "cameras 3 and 6"
        raise InputError(
            f"dataset.root={root}: {empty} have no image of a test identity;"
            " restore cam1/ to cam6/ from the data set"
        )
    draws = _draws(root, shots, trials, gallery)
    return draw_galleries(to_records(query, Modality.infrared), candidates, Modality.visible, draws)


def exclude_same_room(query: Records, gallery: Records) -> np.ndarray:
    """``(Q, G)`` bool: queries of camera 3 pass over camera 2, which hangs in the same room.

    Source:
        Wu et al., ICCV 2017; README of the data set, evaluation protocol.
    """
    return (query.cameras == 3)[:, None] & (gallery.cameras == 2)


def _draws(root: Path, shots: int, trials: Sequence[int], gallery: Gallery) -> list[Draw]:
    """For each trial how it draws from the images of one person by one camera."""
    if gallery is Gallery.official:
        permutations = _Permutations.load(root)
        return [permutations.draw(shots, trial) for trial in trials]
    return [random_draw(shots, trial) for trial in trials]


@dataclass(frozen=True)
class _Permutations:
    """The authors' fixed draws: image numbers from 1 in a fixed disorder.

    The file holds a 6 x 1 cell ``rand_perm_cam``: entry [camera - 1][identity - 1] is a matrix of
    a row for each trial and a column for each image, empty where the camera never saw the person.

    Source:
        get_testing_set.m in github.com/wuancong/SYSU-MM01, evaluation: the first ``shots`` entries
        of row ``trial`` choose among the person's images in the order of their names.
    """

    file: Path
    cells: np.ndarray  # (6, 1) object

    @classmethod
    def load(cls, root: Path) -> _Permutations:
        # Only this file needs it, and importing it takes a while.
        from scipy.io import loadmat  # type: ignore[import-untyped]

        file = root / "exp" / "rand_perm_cam.mat"
        if not file.is_file():
            raise InputError(
                f"dataset.gallery=official: no file {file}; put it there from"
                " github.com/wuancong/SYSU-MM01, evaluation/data_split, or use"
                " dataset.gallery=random"
            )
        try:
            return cls(file, loadmat(str(file))["rand_perm_cam"])
        except Exception as error:  # whatever SciPy makes of arbitrary bytes
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{file}: holds no readable cell rand_perm_cam ({reason}); restore it from"
                " github.com/wuancong/SYSU-MM01"
            ) from error

    def draw(self, shots: int, trial: int) -> Draw:
        def draw(images: Sequence[ImageFile]) -> Sequence[ImageFile]:
            numbers = self._row(trial, images[0])[:shots]
            known = np.arange(1, len(images) + 1)
            if not numbers.size or not np.isin(numbers, known).all():
                raise InputError(
                    f"{self.file}: does not fit the {len(images)} images in"
                    f" {Path(images[0].path).parent}; restore both from the data set"
                )
            return [images[number - 1] for number in numbers]

        return draw

    def _row(self, trial: int, image: ImageFile) -> np.ndarray:
        """The permutation of one trial for the person and camera of ``image``."""
        try:
            matrix = self.cells.ravel()[image.camera - 1].ravel()[image.identity - 1]
            return matrix[trial].astype(np.int64).reshape(-1)
        except Exception as error:  # whatever a cell may hold
            raise InputError(
                f"{self.file}: has no row {trial + 1} for camera {image.camera}, identity"
                f" {image.identity}; restore it from github.com/wuancong/SYSU-MM01"
            ) from error
