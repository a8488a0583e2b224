"""Each augmentation by hand, its probabilities, their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ddag.data.augmentation import Augmentation, finish
from ddag.data.channels import exchange_channels, turn_grey
from ddag.data.erasing import erase
from ddag.data.placing import Place, draw_place
from ddag.settings.choices import Erasing, Modality
from ddag.settings.data import ChannelsConfig

NONE = Augmentation(crop=0, flip=False, grayscale=0, erasing=0)
CAJ = replace(
    NONE,
    erasing=0.5,
    erasing_rule=Erasing.caj,
    channels=ChannelsConfig(visible=0, further=1, infrared=0.75, grayscale=0.5),
)
FILL = (0.4914, 0.4822, 0.4465)
MANY = 4000
SLACK = 0.035  # more than four standard deviations of a share of so many


def colours(count: int, *, height: int = 4, width: int = 2) -> np.ndarray:
    """Images whose channels are 1, 2 and 3 throughout."""
    return np.broadcast_to(
        np.array([1, 2, 3], np.float32).reshape(3, 1, 1), (count, 3, height, width)
    ).copy()


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def levels(images: np.ndarray) -> list[tuple[float, ...]]:
    """The channels' levels of images that have one each."""
    return [tuple(image[:, 0, 0].tolist()) for image in images]


def test_an_image_has_one_of_its_channels_in_all_three_or_is_as_it_was() -> None:
    images = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
    before = images.copy()
    kept = exchange_channels(images, 1, generator())
    assert kept.size == 0
    for image, whole in zip(images, before):
        assert any((image == channel).all() for channel in whole)
    kept = exchange_channels(before, 0, generator())
    assert kept.tolist() == [0, 1]
    np.testing.assert_array_equal(before.ravel(), np.arange(24))


def test_each_channel_is_taken_by_a_third_of_those_that_are_chosen() -> None:
    images = colours(MANY)
    kept = exchange_channels(images, 0.75, generator())
    found = levels(images)
    for level in (1, 2, 3):
        assert found.count((level,) * 3) / MANY == pytest.approx(0.25, abs=SLACK)
    assert found.count((1, 2, 3)) / MANY == pytest.approx(0.25, abs=SLACK)
    assert [row for row, each in enumerate(found) if each == (1, 2, 3)] == kept.tolist()


def test_grey_is_weighed_by_the_releases_numbers_in_the_rows_asked_for() -> None:
    images = colours(3)
    turn_grey(images, np.array([0, 2]), 1, generator())
    grey = 0.2989 * 1 + 0.5870 * 2 + 0.1140 * 3
    np.testing.assert_allclose(images[[0, 2]], grey, rtol=1e-6)
    np.testing.assert_array_equal(images[1], colours(1)[0])


@pytest.mark.parametrize("probability", [0, 0.5, 0.6])
def test_so_many_of_the_rows_turn_grey(probability: float) -> None:
    images = colours(MANY)
    turn_grey(images, np.arange(MANY), probability, generator())
    assert 1 - levels(images).count((1, 2, 3)) / MANY == pytest.approx(probability, abs=SLACK)


@pytest.mark.parametrize(
    ("kind", "fill", "largest"), [(Erasing.zhong, (0, 0, 0), 1 / 3), (Erasing.caj, FILL, 0.4)]
)
def test_erasing_fills_one_rectangle_of_the_share_asked_for(
    kind: Erasing, fill: tuple[float, ...], largest: float
) -> None:
    images = np.full((MANY, 3, 32, 16), 9, np.float32)
    erase(images, 0.5, generator(), kind)
    blank = (images != 9).all(axis=1)
    erased = blank.any(axis=(1, 2))
    assert erased.mean() == pytest.approx(0.5, abs=SLACK)
    shares = []
    for image, place in zip(images[erased], blank[erased]):
        rows, columns = place.any(axis=1), place.any(axis=0)
        assert place.sum() == rows.sum() * columns.sum()
        assert rows.sum() < 32
        assert columns.sum() < 16
        np.testing.assert_array_equal(image[:, place].T, np.broadcast_to(
            np.array(fill, np.float32), (place.sum(), 3)))  # fmt: skip
        shares.append(place.mean())
    assert min(shares) > 0.01
    assert 0.9 * largest < max(shares) < 1.15 * largest


def aspects(kind: Erasing) -> np.ndarray:
    """Height by width of small rectangles of a large image, so that all fit."""
    images = np.full((300, 3, 200, 200), 9, np.float32)
    erase(images, 1, generator(), kind)
    blank = (images != 9).all(axis=1)
    tall, wide = blank.any(axis=2).sum(axis=1), blank.any(axis=1).sum(axis=1)
    small = blank.mean(axis=(1, 2)) < 0.25
    return (tall / wide)[small]


def test_height_by_width_is_uniform_by_cajs_rule_and_its_logarithm_by_the_other() -> None:
    # Half lie below 1 where the logarithm is uniform, (1 - 0.3) / (3.33 - 0.3) where they are.
    assert (aspects(Erasing.zhong) < 1).mean() == pytest.approx(0.5, abs=0.12)
    uniform = aspects(Erasing.caj)
    assert (uniform < 1).mean() == pytest.approx(0.7 / (1 / 0.3 - 0.3), abs=0.1)
    assert uniform.mean() == pytest.approx((0.3 + 1 / 0.3) / 2, abs=0.2)


def test_a_hundred_tries_find_a_rectangle_that_fits_where_ten_may_not() -> None:
    # 4 times as high as wide: of CAJ's rectangles most are wider than the image.
    images = np.full((500, 3, 64, 16), 9, np.float32)
    erase(images, 1, generator(), Erasing.caj)
    assert (images != 9).any(axis=(1, 2, 3)).all()


def test_cajs_views_go_through_their_own_channels_after_erasing() -> None:
    drawn = generator()
    first, second, infrared = (colours(MANY, height=16, width=8) for _ in range(3))
    finish(first, Modality.visible, CAJ, drawn)
    finish(second, Modality.visible, CAJ, drawn, further=True)
    finish(infrared, Modality.infrared, CAJ, drawn)
    filled = (first == np.array(FILL, np.float32).reshape(3, 1, 1)).all(axis=1)
    erased = filled.any(axis=(1, 2))
    assert erased.mean() == pytest.approx(0.5, abs=SLACK)
    assert (first.transpose(0, 2, 3, 1)[~filled] == (1, 2, 3)).all()
    assert (second == second[:, :1]).all()  # the rectangle's three levels are one as well
    same = (infrared == infrared[:, :1]).all(axis=(1, 2, 3))
    assert same.mean() == pytest.approx(0.875, abs=SLACK)


def test_the_other_view_may_be_erased_with_a_probability_of_its_own() -> None:
    chosen, shares = replace(NONE, erasing=0.6, erasing_infrared=0.1), []
    for modality in Modality:
        images = colours(MANY, height=16, width=8)
        finish(images, modality, chosen, generator())
        shares.append((images == 0).any(axis=(1, 2, 3)).mean())
    assert shares == pytest.approx([0.6, 0.1], abs=SLACK)


def test_a_single_visible_view_can_lose_its_colours_too() -> None:
    channels = ChannelsConfig(visible=0.3, further=1, infrared=0, grayscale=0)
    visible, infrared = colours(MANY), colours(MANY)
    for images, modality in ((visible, Modality.visible), (infrared, Modality.infrared)):
        finish(images, modality, replace(NONE, channels=channels), generator())
    assert 1 - levels(visible).count((1, 2, 3)) / MANY == pytest.approx(0.3, abs=SLACK)
    np.testing.assert_array_equal(infrared, colours(MANY))


def test_what_is_off_draws_nothing() -> None:
    plain, drawn = generator(), generator()
    plain.random(4)  # erasing's
    finish(colours(4), Modality.visible, NONE, drawn)
    assert plain.random() == drawn.random()


PIXELS = np.arange(1, 37, dtype=np.uint8).reshape(3, 4, 3)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(), [[1, 4, 7, 10], [13, 16, 19, 22], [25, 28, 31, 34]]),
        (Place(mirrored=True), [[10, 7, 4, 1], [22, 19, 16, 13], [34, 31, 28, 25]]),
        (Place(down=1, right=-1), [[0, 0, 0, 0], [4, 7, 10, 0], [16, 19, 22, 0]]),
        (Place(down=-2, right=3), [[0, 0, 0, 25], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (Place(down=-2, right=3, mirrored=True), [[25, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (Place(down=3), [[0] * 4] * 3),
        (Place(right=-9), [[0] * 4] * 3),
    ],
)
def test_an_image_is_moved_over_black_and_then_mirrored(place: Place, expected: list) -> None:
    image = np.full((3, 3, 4), 99, np.float32)
    place.put(PIXELS, image)
    assert image[0].tolist() == expected
    blank = image[0] == 0
    for channel in (1, 2):
        assert (image[channel] == np.where(blank, 0, image[0] + channel)).all()


def test_every_place_is_as_likely_as_another_and_every_other_one_mirrored() -> None:
    drawn = generator()
    places = [draw_place(2, flip=True, generator=drawn) for _ in range(MANY)]
    for moves in ([place.down for place in places], [place.right for place in places]):
        shares = np.bincount(np.add(moves, 2), minlength=5) / MANY
        np.testing.assert_allclose(shares, 0.2, atol=SLACK)
    assert np.mean([place.mirrored for place in places]) == pytest.approx(0.5, abs=SLACK)
    steps = {(place.down, place.right) for place in places}
    assert len(steps) == 25


def test_a_crop_that_is_off_draws_nothing_and_neither_does_a_flip() -> None:
    plain, drawn = generator(), generator()
    assert draw_place(0, flip=False, generator=drawn) == Place()
    assert plain.random() == drawn.random()
