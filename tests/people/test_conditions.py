from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from ddag.people.conditions import Condition, conditioned
from ddag.people.crew import photograph
from ddag.people.layout import SIZE, Shot
from ddag.people.person import PRINTS, Part, Pose, random_person, random_pose
from ddag.people.silhouette import part_map
from ddag.settings.choices import Modality
from ddag.settings.data import Dials

CAMERAS = {Modality.visible: 1, Modality.infrared: 2}
OF_IMAGES = ("occlusion", "misalignment", "modality_gap", "pose")
POSE = Pose(yaw=0.2, phase=1.0, scale=1.0, right=0.03, down=-0.01)


def image(identity: int, modality: Modality = Modality.visible, number: int = 1, **dials: Any):
    """``(H, W, 3)`` int32 of a person under these dials."""
    chosen = Dials(**dials)
    person = conditioned(random_person(0, identity), chosen)
    shot = Shot("", identity, CAMERAS[modality], number, modality)
    return np.asarray(photograph(person, shot, seed=0, dials=chosen), np.int32)


def poses(**dials: Any) -> list[tuple[Pose, float]]:
    """Of 400 images, with the way that is usual for who is seen in them."""
    found = []
    for number in range(400):
        build = random_person(0, number % 20).build
        pose = random_pose(build, np.random.default_rng(number))
        condition = Condition(Dials(**dials), (0, number % 20, 1, number))
        found.append((condition.pose(pose, build.heading), build.heading))
    return found


def covered(share: float) -> set[int]:
    dials = Dials(occlusion=share)
    return {n for n in range(400) if Condition(dials, (0, n % 20, 1, n)).occluder() is not None}


def test_at_their_defaults_the_dials_change_nothing() -> None:
    person, condition = random_person(0, 1), Condition(Dials(), (0, 1, 1, 1))
    same = conditioned(person, Dials())
    assert all(
        np.array_equal(getattr(same, field.name), getattr(person, field.name))
        for field in fields(person)
    )
    assert condition.pose(POSE, 1.2) is POSE
    assert condition.occluder() is None


@pytest.mark.parametrize("dial", OF_IMAGES)
def test_each_dial_changes_images_and_leaves_the_wall_behind_them(dial: str) -> None:
    changed = 0
    for modality in Modality:
        for identity in range(1, 7):
            default = image(identity, modality)
            other = image(identity, modality, **{dial: 1.0})
            changed += bool((default != other).any())
            # Wherever the person stands, the wall behind them is the image's own.
            corner = abs(default - other)[:12, :8]
            assert dial == "occlusion" or np.median(corner) == 0
    assert changed >= 5


@pytest.mark.parametrize("dial", OF_IMAGES)
@pytest.mark.parametrize("position", [0.0, 0.3, 1.0])
def test_the_same_dials_give_the_same_image(dial: str, position: float) -> None:
    images = [image(3, Modality.infrared, **{dial: position}) for _ in range(2)]
    np.testing.assert_array_equal(*images)


def test_a_dial_draws_the_same_whatever_the_others_say() -> None:
    alone = Condition(Dials(occlusion=1, misalignment=1, pose=1), (0, 1, 1, 1))
    box = Condition(Dials(misalignment=1), alone.key).pose(POSE, 0.0)
    turned = Condition(Dials(pose=1), alone.key).pose(POSE, 0.0)
    before = Condition(Dials(occlusion=1, modality_gap=1), alone.key).occluder()
    together, occluder = alone.pose(POSE, 0.0), alone.occluder()
    assert together == replace(box, yaw=turned.yaw)
    assert before is not None
    assert occluder is not None
    np.testing.assert_array_equal(before.levels, occluder.levels)


def test_two_dials_compose() -> None:
    for identity in range(1, 5):
        both = image(identity, Modality.infrared, occlusion=1, modality_gap=0)
        occluded = image(identity, Modality.infrared, occlusion=1)
        narrow = image(identity, Modality.infrared, modality_gap=0)
        hidden = (occluded != image(identity, Modality.infrared)).any(axis=2)
        assert (both != occluded).any()
        assert (both != narrow).any()
        # Where nothing stands before the person, the other dial alone decides.
        far = ~np.array([hidden[max(0, y - 4) : y + 5].any() for y in range(SIZE[1])])
        np.testing.assert_array_equal(both[far], narrow[far])


def test_occlusion_is_the_share_of_images_that_are_hidden_in_part() -> None:
    assert covered(0) == set()
    assert len(covered(1)) == 400
    assert 0.32 < len(covered(0.4)) / 400 < 0.48
    assert covered(0.2) < covered(0.4) < covered(0.8)


def test_what_stands_before_a_person_hides_a_third_to_half_and_is_cool() -> None:
    for identity in range(1, 9):
        shown, hidden = (image(identity, Modality.infrared, occlusion=o) for o in (0, 1))
        rows = np.flatnonzero((shown != hidden).any(axis=(1, 2)))
        assert 0.3 < len(rows) / SIZE[1] < 0.6
        assert np.ptp(hidden, axis=2).max() == 0
        warm = random_person(0, identity).reflectance[Part.SKIN]
        middle = hidden[rows[len(rows) // 2], :, 0]
        assert np.median(middle) < 110 < warm


def test_boxes_fit_at_0_and_wander_farther_with_the_dial() -> None:
    for pose, _ in poses(misalignment=0):
        assert (pose.scale, pose.right, pose.down) == (0.96, 0, 0)
    spread = [
        np.std([(p.right, p.down, p.scale) for p, _ in poses(misalignment=m)], axis=0)
        for m in (0, 0.1, 0.25, 0.6, 1)
    ]
    assert (np.diff(spread, axis=0) > 0).all()
    default = [p.right for p, _ in poses()]
    np.testing.assert_allclose(
        [p.right for p, _ in poses(misalignment=0.1)], np.multiply(default, 0.4)
    )


def test_boxes_cut_only_beyond_the_default_and_half_of_them_at_1() -> None:
    def cut(position: float) -> set[int]:
        pairs = zip(poses(misalignment=position), poses())
        return {
            n
            for n, ((found, _), (own, _)) in enumerate(pairs)
            if not math.isclose(found.right, own.right * position / 0.25, abs_tol=1e-9)
            or not math.isclose(found.down, own.down * position / 0.25, abs_tol=1e-9)
        }

    assert cut(0.1) == set()
    assert 0.42 < len(cut(1.0)) / 400 < 0.58
    assert cut(0.5) < cut(1.0)


def test_without_a_gap_infrared_sees_luminance() -> None:
    person = conditioned(random_person(0, 1), Dials(modality_gap=0))
    grey = person.colours @ (0.299, 0.587, 0.114)
    np.testing.assert_allclose(person.reflectance, grey, atol=0.5)


def test_below_the_default_reflectance_lies_between_luminance_and_its_own() -> None:
    own = random_person(0, 1)
    halfway = conditioned(own, Dials(modality_gap=0.25))
    grey = own.colours @ (0.299, 0.587, 0.114)
    np.testing.assert_allclose(halfway.reflectance, (grey + own.reflectance) / 2, atol=0.51)


def test_a_gap_changes_nothing_that_the_visible_camera_sees() -> None:
    for position in (0.0, 0.25, 0.75, 1.0):
        np.testing.assert_array_equal(image(1), image(1, modality_gap=position))


def test_prints_vanish_from_infrared_with_the_widest_gap() -> None:
    def of_print(**dials: Any) -> float:
        """How far the levels of an infrared image move when prints are drawn elsewhere."""
        chosen = Dials(**dials)
        moved = 0.0
        for identity in range(1, 9):
            person = conditioned(random_person(0, identity), chosen)
            other = person.reflectance.copy()
            other[list(PRINTS)] = 255 - other[list(PRINTS)]
            shot = Shot("", identity, 2, 1, Modality.infrared)
            images = [
                np.asarray(photograph(p, shot, seed=0, dials=chosen), float)
                for p in (person, replace(person, reflectance=other))
            ]
            moved += abs(images[0] - images[1]).mean()
        return moved

    assert of_print(modality_gap=1) == 0
    assert 0 < of_print(modality_gap=0.75) < of_print()


def test_people_stand_still_and_are_met_from_their_usual_side_at_0() -> None:
    person = conditioned(random_person(0, 1), Dials(pose=0))
    assert (person.build.stride, person.build.swing) == (0, 0)
    assert all(pose.yaw == heading for pose, heading in poses(pose=0))
    dials = Dials(pose=0)
    shots = [replace(POSE, phase=phase, yaw=0.0) for phase in (0.0, 1.5, 4.0)]
    maps = [part_map(conditioned(random_person(0, 1), dials), pose) for pose in shots]
    assert all(np.array_equal(maps[0], each) for each in maps)


def test_people_walk_at_the_default_and_are_met_from_any_side_at_1() -> None:
    def away(position: float) -> np.ndarray:
        return np.array([abs(math.remainder(p.yaw - h, math.tau)) for p, h in poses(pose=position)])

    assert np.median(away(0.25)) < np.median(away(0.5)) < 0.3
    # Evenly all around: half of the images a quarter turn away or more.
    assert 0.42 < (away(1.0) > math.pi / 2).mean() < 0.58
    assert 0.2 < (away(0.75) > math.pi / 2).mean() < 0.4
