from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddag.data.augmentation import Augmentation
from ddag.data.grayscale import drop_colours
from ddag.data.loader import Batch, TrainLoader, batches_in_order
from ddag.data.normalising import normalise
from ddag.data.records import Records, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.machine.sharing import ALONE, Share
from ddag.settings.choices import Modality
from ddag.settings.data import ChannelsConfig

NONE = Augmentation(crop=0, flip=False, grayscale=0, erasing=0)
ALL = Augmentation(crop=4, flip=True, grayscale=0.5, erasing=0.5)


def records(modality: Modality, seed: int) -> Records:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 32, 16, 3), np.uint8)
    return Records(
        paths=np.array([f"{modality.value}{row}" for row in range(12)]),
        identities=np.arange(12) // 3,
        cameras=np.ones(12, np.int64),
        modality=modality,
        pixels=pixels,
    )


TRAIN = TrainSet(records(Modality.visible, 0), records(Modality.infrared, 1))


def load(
    augmentation: Augmentation,
    *,
    seed: int = 0,
    epoch: int = 0,
    first: int = 0,
    workers: int = 1,
    share: Share = ALONE,
    train_set: TrainSet = TRAIN,
    views: Sequence[Modality] = tuple(Modality),
) -> list[Batch]:
    sampler = IdentitySampler(
        TRAIN.visible.identities, TRAIN.infrared.identities, identities=2, images=2, seed=0
    )
    loader = TrainLoader(
        train_set,
        sampler,
        views=views,
        augmentation=augmentation,
        workers=workers,
        seed=seed,
        share=share,
    )
    return list(loader.epoch(epoch, batches=sampler.batches, first=first))


def test_a_batch_holds_the_sampled_images_of_both_modalities() -> None:
    sampler = IdentitySampler(
        TRAIN.visible.identities, TRAIN.infrared.identities, identities=2, images=2, seed=0
    )
    visible_rows, infrared_rows = sampler.epoch(0)
    batches = load(NONE)
    assert len(batches) == sampler.batches == 3
    for batch, visible, infrared in zip(batches, visible_rows, infrared_rows):
        assert batch.visible.shape == (4, 3, 32, 16)
        assert batch.visible.dtype == np.float32
        assert batch.identities.dtype == np.int32
        identities = TRAIN.visible.identities[visible]
        np.testing.assert_array_equal(batch.identities, np.tile(identities, 2))
        np.testing.assert_array_equal(batch.modalities, [0] * 4 + [1] * 4)
        np.testing.assert_allclose(
            batch.visible, normalise(TRAIN.visible.pixels[visible]), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            batch.infrared, normalise(TRAIN.infrared.pixels[infrared]), rtol=1e-4, atol=1e-5
        )


THREE = (Modality.visible, Modality.visible, Modality.infrared)


def test_a_batch_of_three_views_says_identity_and_modality_of_every_image() -> None:
    for batch, pair in zip(load(NONE, views=THREE), load(NONE)):
        assert batch.visible.shape == (8, 3, 32, 16)
        assert batch.infrared.shape == (4, 3, 32, 16)
        np.testing.assert_array_equal(batch.identities, np.tile(pair.identities[:4], 3))
        np.testing.assert_array_equal(batch.modalities, [0] * 8 + [1] * 4)
        assert batch.identities.dtype == batch.modalities.dtype == np.int32


def test_views_of_one_modality_show_the_same_sampled_images() -> None:
    for batch, pair in zip(load(NONE, views=THREE), load(NONE)):
        np.testing.assert_array_equal(batch.visible, np.tile(pair.visible, (2, 1, 1, 1)))
        np.testing.assert_array_equal(batch.infrared, pair.infrared)


FURTHER = ChannelsConfig(visible=0, further=1, infrared=0, grayscale=0)


@pytest.mark.parametrize(
    "change",
    [{"crop": 4}, {"flip": True}, {"grayscale": 0.5}, {"erasing": 0.5}, {"channels": FURTHER}],
)
def test_each_augmentation_is_drawn_anew_for_a_second_view(change: dict) -> None:
    batches = load(replace(NONE, **change), views=THREE)
    assert any((batch.visible[:4] != batch.visible[4:]).any() for batch in batches)


def test_each_of_several_views_is_cropped_by_itself() -> None:
    four = (Modality.visible,) * 3 + (Modality.infrared,)
    batches = load(replace(NONE, crop=4), views=four)
    for one, other in ((0, 4), (0, 8), (4, 8)):
        assert any(
            (batch.visible[one : one + 4] != batch.visible[other : other + 4]).any()
            for batch in batches
        )


@pytest.mark.parametrize("augmentation", [replace(NONE, crop=4), replace(NONE, flip=True), ALL])
def test_a_second_view_leaves_the_others_alone(augmentation: Augmentation) -> None:
    for batch, pair in zip(load(augmentation, views=THREE), load(augmentation)):
        np.testing.assert_array_equal(batch.visible[:4], pair.visible)
        np.testing.assert_array_equal(batch.infrared, pair.infrared)


def test_a_second_view_is_another_in_another_epoch() -> None:
    flips = []
    for epoch in range(2):
        plain, flipped = (
            load(each, epoch=epoch, views=THREE) for each in (NONE, replace(NONE, flip=True))
        )
        flips.append(
            [
                bool((a == b[..., ::-1]).all())
                for one, other in zip(flipped, plain)
                for a, b in zip(one.visible[4:], other.visible[4:])
            ]
        )
    assert flips[0] != flips[1]


def test_rows_of_a_batch_stand_in_the_networks_order_whatever_the_order_of_the_views() -> None:
    images = np.arange(6, dtype=np.float32).reshape(3, 2, 1, 1, 1)
    views = list(zip((Modality.infrared, Modality.visible, Modality.visible), images))
    batch = Batch.of_views(views, np.array([7, 9], np.int32))
    assert batch.visible.ravel().tolist() == [2, 3, 4, 5]
    assert batch.infrared.ravel().tolist() == [0, 1]
    assert batch.identities.tolist() == [7, 9] * 3
    assert batch.modalities.tolist() == [0, 0, 0, 0, 1, 1]


def test_normalising_is_by_imagenets_mean_and_deviation() -> None:
    white = normalise(np.full((1, 2, 2, 3), 255, np.uint8))[0, :, 0, 0]
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(white, expected, rtol=1e-5)


@pytest.mark.parametrize("views", [tuple(Modality), THREE])
def test_the_same_seed_and_epoch_give_the_same_images(views: Sequence[Modality]) -> None:
    for one, same in zip(load(ALL, views=views), load(ALL, views=views)):
        for array, again in zip(one, same):
            np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize("views", [tuple(Modality), THREE])
def test_the_number_of_threads_changes_no_image(views: Sequence[Modality]) -> None:
    for one, same in zip(load(ALL, views=views), load(ALL, views=views, workers=5)):
        for array, again in zip(one, same):
            np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize("views", [tuple(Modality), THREE])
def test_processes_have_the_images_of_their_own_samples_and_together_all(
    views: Sequence[Modality],
) -> None:
    shares = [load(ALL, views=views, share=Share(index, 2)) for index in range(2)]
    for whole, one, other in zip(load(ALL, views=views), *shares):
        for images, first, second in ((each[0], *each[1:]) for each in zip(whole[:2], one, other)):
            parts = [np.split(side, len(images) // 4) for side in (first, second)]
            joined = [np.concatenate(view) for view in zip(*parts)]
            np.testing.assert_array_equal(images, np.concatenate(joined))
        for each in (one, other):
            np.testing.assert_array_equal(each.identities, whole.identities)
            np.testing.assert_array_equal(each.modalities, whole.modalities)


def test_an_epoch_that_begins_at_a_later_batch_has_the_same_ones_from_there() -> None:
    whole, rest = load(ALL), load(ALL, first=1)
    assert len(rest) == len(whole) - 1
    for one, same in zip(whole[1:], rest):
        for array, again in zip(one, same):
            np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_other_images(other: dict[str, int]) -> None:
    one, another = load(ALL)[0], load(ALL, **other)[0]
    assert (one.visible != another.visible).any()


@pytest.mark.parametrize(
    "change", [{"crop": 4}, {"flip": True}, {"grayscale": 1.0}, {"erasing": 1.0}]
)
def test_each_augmentation_is_a_switch_of_its_own(change: dict) -> None:
    plain, changed = load(NONE), load(replace(NONE, **change))
    visible = [(one.visible != other.visible).any() for one, other in zip(plain, changed)]
    infrared = [(one.infrared != other.infrared).any() for one, other in zip(plain, changed)]
    assert any(visible)
    assert any(infrared) == ("grayscale" not in change)


def test_a_grey_image_has_one_level_in_all_channels() -> None:
    for batch in load(replace(NONE, grayscale=1.0)):
        mean, deviation = (
            np.array(values).reshape(3, 1, 1)
            for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        levels = (batch.visible * deviation + mean) * 255
        assert np.abs(levels - levels[:, :1]).max() < 0.01


def test_grey_is_the_brightness_that_pillow_computes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 6), np.uint8)
    grey = pixels.astype(np.float32)
    drop_colours(grey, 1.0, np.random.default_rng(0))
    for ours, coloured in zip(grey, pixels):
        theirs = np.array(Image.fromarray(coloured.transpose(1, 2, 0)).convert("L"), int)
        assert np.abs(ours - theirs).max() <= 1  # Pillow rounds down


def test_a_flip_mirrors_left_and_right() -> None:
    plain, flipped = load(NONE), load(replace(NONE, flip=True))
    ours = np.concatenate([batch.visible for batch in flipped])
    theirs = np.concatenate([batch.visible for batch in plain])
    mirrored = [bool((a == b[..., ::-1]).all()) for a, b in zip(ours, theirs)]
    same = [bool((a == b).all()) for a, b in zip(ours, theirs)]
    assert all(a or b for a, b in zip(mirrored, same))
    assert any(mirrored)
    assert any(same)


def test_a_crop_keeps_the_size_and_shifts_by_at_most_the_border() -> None:
    for batch, plain in zip(load(replace(NONE, crop=2)), load(NONE)):
        assert batch.visible.shape == plain.visible.shape
        black = normalise(np.zeros((1, 1, 1, 3), np.uint8))[0]
        padded = np.broadcast_to(black, (3, 36, 20)).copy()
        padded[:, 2:34, 2:18] = plain.visible[0]
        windows = [
            padded[:, top : top + 32, left : left + 16] for top in range(5) for left in range(5)
        ]
        assert min(np.abs(batch.visible[0] - window).max() for window in windows) < 1e-4


def test_test_batches_hold_every_image_once_and_fill_up_the_last(tmp_path: Path) -> None:
    paths = []
    for number in range(5):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.new("RGB", (16, 32), (50 * number,) * 3).save(paths[-1])
    batches = list(batches_in_order(paths, height=32, width=16, batch=2))
    assert [len(batch) for batch in batches] == [2, 2, 2]
    levels = np.concatenate(batches)[:5, 0, 0, 0] * 0.229 * 255 + 0.485 * 255
    np.testing.assert_allclose(levels, [0, 50, 100, 150, 200], atol=0.01)


def test_images_mapped_from_disk_are_as_good_as_those_in_memory(tmp_path: Path) -> None:
    mapped = []
    for modality in (TRAIN.visible, TRAIN.infrared):
        np.save(tmp_path / f"{modality.modality.value}.npy", modality.pixels)
        pixels = np.load(tmp_path / f"{modality.modality.value}.npy", mmap_mode="r")
        mapped.append(replace(modality, pixels=pixels))
    for ours, expected in zip(load(NONE, train_set=TrainSet(*mapped)), load(NONE)):
        np.testing.assert_array_equal(ours.visible, expected.visible)
        np.testing.assert_array_equal(ours.infrared, expected.infrared)
