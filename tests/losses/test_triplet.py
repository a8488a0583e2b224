from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.losses.triplet import batch_hard_triplet, center_triplet, pairwise_distance


def tensor(values: object) -> Tensor:
    return Tensor(np.array(values, np.float32))


def labels(*values: int) -> Tensor:
    return Tensor(np.array(values, np.int32))


def test_distances_are_euclidean() -> None:
    distance = pairwise_distance(tensor([[0, 0], [3, 4]])).asnumpy()
    np.testing.assert_allclose(distance, [[1e-6, 5], [5, 1e-6]], atol=1e-6)


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative() -> None:
    # On a line: identity 0 at 0, 1 and 4; identity 1 at 6 and 9.
    features = tensor([[0], [1], [4], [6], [9]])
    # 4-6, 3-5, 4-2, 3-2, 3-5, each plus the margin 1.5 and cut off at 0
    expected = np.mean([0, 0, 3.5, 2.5, 0])
    loss = batch_hard_triplet(features, labels(0, 0, 0, 1, 1), 1.5)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_batch_hard_is_zero_once_every_gap_exceeds_the_margin() -> None:
    features = tensor([[0], [0.1], [9], [9.1]])
    assert float(batch_hard_triplet(features, labels(0, 0, 1, 1), 0.3)) == 0


def test_center_triplet_compares_centers_of_identity_and_modality() -> None:
    # Visible: identity 0 at 0 and 2, identity 1 at 10 and 12; infrared: at 3 and 5, 14 and 16.
    features = tensor([[0], [2], [10], [12], [3], [5], [14], [16]])
    # Centres 1, 11 and 4, 15: positives 3, 4, 3, 4 apart, nearest negatives 10, 7, 7, 11.
    expected = np.mean([max(0, 3 - 10 + 5), max(0, 4 - 7 + 5), max(0, 3 - 7 + 5), 0])
    loss = center_triplet(
        features, labels(0, 0, 1, 1, 0, 0, 1, 1), labels(0, 0, 0, 0, 1, 1, 1, 1), 5.0
    )
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_centers_go_by_the_modality_that_is_said_not_by_the_place_in_the_batch() -> None:
    features = np.array([[0], [2], [10], [12], [3], [5], [14], [16]], np.float32)
    identities = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int32)
    modalities = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    mixed = np.random.default_rng(0).permutation(8)
    losses = [
        float(
            center_triplet(
                *(Tensor(each[rows]) for each in (features, identities, modalities)), 5.0
            )
        )
        for rows in (np.arange(8), mixed)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
