"""SYSU-MM01's test: a query of the infrared cameras, ten drawn galleries of the visible ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ddag.data import sysu
from ddag.data.records import Modality, TestSet
from ddag.errors import InputError

GALLERY_CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}

# Picks a trial's pictures from all that one camera has of one person.
_Draw = Callable[[Sequence[sysu.Picture]], Sequence[sysu.Picture]]


def read_test(
    root: Path,
    *,
    search: Literal["all", "indoor"],
    shots: int,
    trials: Sequence[int] = range(10),
    gallery: Literal["random", "official"] = "random",
) -> TestSet:
    """The query and the galleries of the given trials, identities as in the data set.

    Args:
        root: folder of the data set.
        search: ``all`` draws the galleries from cameras 1, 2, 4 and 5, ``indoor`` from 1 and 2. The
            query holds every picture of cameras 3 and 6 in both; an indoor query whose person
            neither camera saw has no match, and the metrics leave it out.
        shots: pictures for each person and camera in a gallery, 1 or 10; all where there are fewer.
        trials: which of the galleries, from 0.
        gallery: ``random`` draws as the field's code does, ``official`` as the data set's authors
            do, from ``exp/rand_perm_cam.mat``.

    Raises:
        InputError: a missing folder or list, no test picture, or an unusable rand_perm_cam.mat.

    Source:
        process_query_sysu and process_gallery_sysu in data_manager.py of the authors' release:
        after ``random.seed(trial)`` one ``random.choice`` of the sorted files for each identity
        and camera in order.
    """
    identities = sysu.read_identities(root, "test")
    query = sysu.list_split(root, sysu.INFRARED_CAMERAS, identities)
    candidates = _list_candidates(root, GALLERY_CAMERAS[search], identities)
    if not query or not candidates:
        empty = f"the {search} gallery's cameras" if query else "cameras 3 and 6"
        raise InputError(
            f"dataset.root={root}: {empty} have no picture of a test identity;"
            " restore cam1/ to cam6/ from the data set"
        )
    if gallery == "official":
        permutations = _Permutations.load(root)
        draws = [permutations.draw(shots, trial) for trial in trials]
    else:
        draws = [_random_draw(shots, trial) for trial in trials]
    drawn = [[picture for pictures in candidates for picture in draw(pictures)] for draw in draws]
    held = sorted({picture for pictures in drawn for picture in pictures})
    row = {picture: number for number, picture in enumerate(held)}
    return TestSet(
        query=sysu.to_records(query, Modality.INFRARED),
        gallery=sysu.to_records(held, Modality.VISIBLE),
        trials=tuple(np.array([row[picture] for picture in pictures]) for pictures in drawn),
    )


def _list_candidates(
    root: Path, cameras: Sequence[int], identities: Sequence[int]
) -> list[list[sysu.Picture]]:
    """For each identity and camera in order the pictures to draw from, where there are any."""
    lists = (
        sysu.list_split(root, [camera], [identity]) for identity in identities for camera in cameras
    )
    return [pictures for pictures in lists if pictures]


def _random_draw(shots: int, trial: int) -> _Draw:
    # A generator of our own gives the numbers that random.seed(trial) would, and disturbs nobody.
    generator = random.Random(trial)

    def draw(pictures: Sequence[sysu.Picture]) -> Sequence[sysu.Picture]:
        if shots == 1:
            return [generator.choice(pictures)]
        return generator.sample(pictures, min(shots, len(pictures)))

    return draw


@dataclass(frozen=True)
class _Permutations:
    """The authors' fixed draws: picture numbers from 1 in a fixed disorder.

    The file holds a 6 x 1 cell ``rand_perm_cam``: entry [camera - 1][identity - 1] is a matrix of
    a row for each trial and a column for each picture, empty where the camera never saw the person.

    Source:
        get_testing_set.m in github.com/wuancong/SYSU-MM01, evaluation: the first ``shots`` entries
        of row ``trial`` choose among the person's pictures in the order of their names.
    """

    file: Path
    cells: np.ndarray  # (6, 1) object

    @classmethod
    def load(cls, root: Path) -> _Permutations:
        file = root / "exp" / "rand_perm_cam.mat"
        try:
            # Only this file needs SciPy, which comes along with MindSpore.
            from scipy.io import loadmat, matlab  # type: ignore[import-untyped]
        except ImportError as error:
            raise InputError(
                f"dataset.gallery=official: {file.name} needs SciPy to be read; pip install scipy"
            ) from error
        if not file.is_file():
            raise InputError(
                f"dataset.gallery=official: no file {file}; put it there from"
                " github.com/wuancong/SYSU-MM01, evaluation/data_split, or use"
                " dataset.gallery=random"
            )
        try:
            return cls(file, loadmat(str(file))["rand_perm_cam"])
        except (
            matlab.MatReadError,
            OSError,
            KeyError,
            ValueError,
            TypeError,
            NotImplementedError,  # the HDF5 format of MATLAB 7.3
        ) as error:
            raise InputError(
                f"{file}: holds no readable cell rand_perm_cam ({error}); restore it from"
                " github.com/wuancong/SYSU-MM01"
            ) from error

    def draw(self, shots: int, trial: int) -> _Draw:
        def draw(pictures: Sequence[sysu.Picture]) -> Sequence[sysu.Picture]:
            numbers = self._row(trial, pictures[0])[:shots]
            if not len(numbers) or numbers.min() < 1 or numbers.max() > len(pictures):
                raise InputError(
                    f"{self.file}: does not fit the {len(pictures)} pictures in"
                    f" {Path(pictures[0].path).parent}; restore both from the data set"
                )
            return [pictures[number - 1] for number in numbers]

        return draw

    def _row(self, trial: int, picture: sysu.Picture) -> np.ndarray:
        """The permutation of one trial for the person and camera of ``picture``."""
        try:
            matrix = self.cells.ravel()[picture.camera - 1].ravel()[picture.identity - 1]
            return matrix[trial].astype(np.int64)
        except (IndexError, AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.file}: has no row {trial + 1} for camera {picture.camera}, identity"
                f" {picture.identity}; restore it from github.com/wuancong/SYSU-MM01"
            ) from error
