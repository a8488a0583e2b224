"""Test sets whose images lie in a folder for each person and camera, galleries drawn by seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ddag.data.records import Records, TestSet
from ddag.settings.choices import Modality


class ImageFile(NamedTuple):
    """One file, with what its folders say about it."""

    path: str
    identity: int
    camera: int


# Picks a trial's images from all that one camera has of one person.
Draw = Callable[[Sequence[ImageFile]], Sequence[ImageFile]]


def list_by_camera(
    identities: Iterable[int],
    cameras: Sequence[int],
    images_of: Callable[[int, int], Sequence[str]],
) -> list[list[ImageFile]]:
    """For each person and camera in order the images by name, where there are any.

    Args:
        identities: of the people.
        cameras: by number.
        images_of: paths of the images by a camera of an identity, by name.
    """
    images = (
        [ImageFile(path, identity, camera) for path in images_of(camera, identity)]
        for identity in identities
        for camera in cameras
    )
    return [held for held in images if held]


def to_records(images: Sequence[ImageFile], modality: Modality) -> Records:
    """At least one image as records, in the same order."""
    paths, identities, cameras = zip(*images)
    return Records(
        paths=np.array(paths),
        identities=np.array(identities, np.int64),
        cameras=np.array(cameras, np.int64),
        modality=modality,
    )


def random_draw(shots: int, trial: int) -> Draw:
    """The field's draw: what Python's generator picks, seeded with the trial's number.

    Args:
        shots: images of a person and camera; all where there are fewer.
        trial: number of the gallery, from 0.
    """
    # A generator of our own gives the numbers that random.seed(trial) would, and disturbs nobody.
    generator = random.Random(trial)

    def draw(images: Sequence[ImageFile]) -> Sequence[ImageFile]:
        if shots == 1:
            return [generator.choice(images)]
        return generator.sample(images, min(shots, len(images)))

    return draw


def draw_galleries(
    query: Records,
    candidates: Sequence[Sequence[ImageFile]],
    modality: Modality,
    draws: Sequence[Draw],
) -> TestSet:
    """The query and a gallery for each draw.

    Args:
        query: what is sought.
        candidates: for each person and camera, in the order of the draws, the images there are.
        modality: of the candidates.
        draws: one for each gallery.
    """
    drawn = [[image for images in candidates for image in draw(images)] for draw in draws]
    held = sorted({image for images in drawn for image in images})
    row = {image: number for number, image in enumerate(held)}
    trials = tuple(np.array([row[image] for image in images]) for images in drawn)
    return TestSet(query, to_records(held, modality), trials)
