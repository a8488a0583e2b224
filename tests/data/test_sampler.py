from __future__ import annotations

import numpy as np
import pytest

from ddag.data.sampler import IdentitySampler
from ddag.machine.errors import InputError

VISIBLE = np.array([2, 0, 1, 1, 0, 2, 3, 3, 3, 3, 0, 1])
INFRARED = np.array([3, 2, 1, 0, 0])


def sampler(seed: int = 0, **changes: int) -> IdentitySampler:
    return IdentitySampler(
        VISIBLE, INFRARED, seed=seed, **{"identities": 2, "images": 3, **changes}
    )


def test_both_modalities_show_the_same_identity_in_each_row() -> None:
    visible, infrared = sampler().epoch(0)
    np.testing.assert_array_equal(VISIBLE[visible], INFRARED[infrared])


def test_a_batch_holds_each_of_its_identities_as_often_as_asked() -> None:
    visible, _ = sampler(identities=3, images=2).epoch(0)
    for batch in VISIBLE[visible]:
        _, counts = np.unique(batch, return_counts=True)
        assert counts.tolist() == [2, 2, 2]


def test_the_larger_modality_decides_how_many_batches_an_epoch_has() -> None:
    visible, infrared = sampler().epoch(0)
    assert sampler().batches == 2
    assert visible.shape == infrared.shape == (2, 6)
    assert visible.dtype == infrared.dtype == np.int64


def test_sysu_has_695_batches() -> None:
    generator = np.random.default_rng(0)
    visible = np.concatenate([np.arange(395), generator.integers(395, size=22258 - 395)])
    infrared = np.concatenate([np.arange(395), generator.integers(395, size=11909 - 395)])
    made = IdentitySampler(visible, infrared, identities=8, images=4, seed=0)
    assert made.batches == 695
    assert made.epoch(0)[0].shape == (695, 32)


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    straight = sampler(seed=5)
    for number in range(3):
        straight.epoch(number)
    resumed = sampler(seed=5)
    for ours, theirs in zip(straight.epoch(3), resumed.epoch(3)):
        np.testing.assert_array_equal(ours, theirs)


def test_epochs_and_seeds_differ() -> None:
    first = sampler(seed=5).epoch(0)[0]
    assert not np.array_equal(first, sampler(seed=5).epoch(1)[0])
    assert not np.array_equal(first, sampler(seed=6).epoch(0)[0])


def test_every_image_and_identity_gets_its_turn_equally() -> None:
    many = [sampler().epoch(number) for number in range(2000)]
    visible = np.concatenate([rows.ravel() for rows, _ in many])
    shares = np.bincount(VISIBLE[visible], minlength=4) / len(visible)
    np.testing.assert_allclose(shares, 0.25, atol=0.01)
    of_identity_3 = visible[VISIBLE[visible] == 3]
    shares = np.bincount(of_identity_3, minlength=12)[6:10] / len(of_identity_3)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_more_identities_than_the_set_has_are_refused() -> None:
    with pytest.raises(InputError, match=r"sampler.identities=5: .* 4 identities; use at most 4"):
        sampler(identities=5)


def test_an_epoch_without_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match=r"sampler.images=7: .* 12 images"):
        sampler(images=7)


def test_an_identity_in_one_modality_only_is_named() -> None:
    with pytest.raises(InputError, match="identity 2 has no infrared image"):
        IdentitySampler(np.array([0, 1, 2]), np.array([0, 1]), identities=1, images=1, seed=0)
    with pytest.raises(InputError, match="identity 0 has no visible image"):
        IdentitySampler(np.array([1, 2]), np.array([0, 1, 2]), identities=1, images=1, seed=0)


def test_identities_with_too_few_images_are_counted() -> None:
    labels = np.repeat([0, 1, 2], [4, 3, 1])
    made = IdentitySampler(labels, labels, identities=2, images=3, seed=0)
    assert made.scarce == 2  # identity 2, in either modality
    assert made.samples == 6
