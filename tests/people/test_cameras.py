from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from ddag.people.cameras import infrared_image, take_image, visible_image
from ddag.people.person import Pose, Print, random_person, random_pose
from ddag.people.silhouette import part_map
from ddag.settings.choices import Modality

SIZE = (64, 128)
POSE = Pose(yaw=0.2, phase=1.0, scale=1.0, right=0.0, down=0.0)


def rng(number: int = 0) -> np.random.Generator:
    return np.random.default_rng([7, number])


def test_infrared_images_have_three_equal_channels() -> None:
    for i in range(10):
        for size in (SIZE, (40, 101)):
            image = take_image(random_person(0, i), Modality.infrared, size, rng(i))
            assert np.ptp(np.asarray(image), axis=2).max() == 0


def test_infrared_images_do_not_know_the_colours() -> None:
    person = random_person(0, 1)
    recoloured = replace(person, colours=random_person(0, 2).colours)
    images = [infrared_image(p, POSE, SIZE, rng()) for p in (person, recoloured)]
    assert images[0].tobytes() == images[1].tobytes()


def test_visible_images_do_not_know_reflectance_and_texture() -> None:
    person, other = random_person(0, 1), random_person(0, 2)
    changed = replace(person, reflectance=other.reflectance, texture=other.texture)
    images = [visible_image(p, POSE, SIZE, rng()) for p in (person, changed)]
    assert images[0].tobytes() == images[1].tobytes()


@pytest.mark.parametrize("camera", [visible_image, infrared_image])
def test_both_cameras_see_the_print(camera) -> None:
    person = random_person(0, 1)
    images = []
    for kind in ("plain", "rings"):
        design = Print(kind=kind, period=0.1, share=0.5, place=0.1)
        clothes = replace(person.clothes, upper_print=design, open_front=False)
        images.append(np.asarray(camera(replace(person, clothes=clothes), POSE, SIZE, rng())))
    changed = abs(images[0].astype(int) - images[1]).max(axis=2) > 25
    assert changed[30:64].mean() > 0.05


def test_a_person_is_warmer_than_what_is_behind() -> None:
    for i in range(10):
        person = random_person(0, i)
        pose = random_pose(person.build, rng(i))
        inside = part_map(person, pose)[::2, ::2] > 0
        levels = np.asarray(infrared_image(person, pose, SIZE, rng(i)))[..., 0]
        assert levels[inside].mean() > levels[~inside].mean() + 30


@pytest.mark.parametrize("change", [field.name for field in fields(Pose)])
def test_every_side_of_a_pose_changes_the_image(change: str) -> None:
    person = random_person(0, 1)
    moved = replace(POSE, **{change: getattr(POSE, change) + 0.1})
    images = [np.asarray(visible_image(person, p, SIZE, rng())) for p in (POSE, moved)]
    assert (images[0] != images[1]).any(axis=2).mean() > 0.01


@pytest.mark.parametrize("modality", list(Modality))
def test_images_have_the_size_asked_for(modality: Modality) -> None:
    for size in ((40, 101), (64, 128), (99, 200)):
        image = take_image(random_person(0, 1), modality, size, rng())
        assert (image.size, image.mode) == (size, "RGB")
