from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor, ops
from recorded import REFERENCE

from ddag.losses.triplet import (
    batch_hard_triplet,
    center_triplet,
    pairwise_distance,
    squared_weighted_triplet,
    weighted_triplet,
)


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


# On a line: identity 0 at 0 and 1, identity 1 at 3. Weights of the images' distances, by hand:
# of 0: positives 0 and 1 by exp(-1) and 1, one negative at 3;
# of 1: alike, the negative at 2; of 3: itself alone, negatives 3 and 2 by exp(-3) and exp(-2).
LINE = ([[0], [1], [3]], (0, 0, 1))
FLOOR = 1e-6
NEAR = 1 / (1 + np.exp(-1) + FLOOR)
EXCESS = np.array([
    NEAR - 3 * np.exp(-3) / (np.exp(-3) + FLOOR),
    NEAR - 2 * np.exp(-2) / (np.exp(-2) + FLOOR),
    -(3 * np.exp(-3) + 2 * np.exp(-2)) / (np.exp(-3) + np.exp(-2) + FLOOR),
])  # fmt: skip


def test_weighted_triplet_weighs_every_pair_by_its_distance() -> None:
    loss = weighted_triplet(tensor(LINE[0]), labels(*LINE[1]))
    assert float(loss) == pytest.approx(np.log(1 + np.exp(EXCESS)).mean(), rel=1e-5)


def test_squared_weighted_triplet_takes_the_square_with_the_sign_of_the_excess() -> None:
    loss = squared_weighted_triplet(tensor(LINE[0]), labels(*LINE[1]))
    assert float(loss) == pytest.approx(np.log(1 + np.exp(-(EXCESS**2))).mean(), rel=1e-5)
    # Each image's positive is 4 away, its negatives 1 and at most 5: an excess above 0 for all.
    mixed = squared_weighted_triplet(tensor([[0], [4], [1], [5]]), labels(0, 0, 1, 1))
    near = 4 / (1 + np.exp(-4) + FLOOR)
    outer = near - (np.exp(-1) + 5 * np.exp(-5)) / (np.exp(-1) + np.exp(-5) + FLOOR)
    inner = near - (3 * np.exp(-3) + np.exp(-1)) / (np.exp(-3) + np.exp(-1) + FLOOR)
    expected = np.log(1 + np.exp(np.array([outer, inner]) ** 2)).mean()
    assert float(mixed) == pytest.approx(expected, rel=1e-5)


def test_the_floor_pulls_the_distance_of_far_negatives_towards_zero() -> None:
    # 20 away, a negative weighs exp(-20) / (exp(-20) + 1e-6), next to nothing.
    loss = weighted_triplet(tensor([[0], [0], [20], [20]]), labels(0, 0, 1, 1))
    far = 20 * 2 * np.exp(-20) / (2 * np.exp(-20) + FLOOR)
    assert float(loss) == pytest.approx(np.log(1 + np.exp(-far)), rel=1e-4)


def test_the_square_stays_at_88_and_has_no_gradient_there() -> None:
    features = tensor([[0], [500], [1], [2]])

    def loss(given: Tensor) -> Tensor:
        return squared_weighted_triplet(given, labels(0, 0, 1, 1))

    value, gradient = ops.value_and_grad(loss)(features)
    assert np.isfinite(float(value))
    assert float(value) > 0.5 * 88  # of both images of identity 0
    np.testing.assert_array_equal(gradient.asnumpy()[1], 0)


def test_far_apart_positives_leave_the_weighted_loss_finite() -> None:
    loss = weighted_triplet(tensor([[0], [500], [1], [501]]), labels(0, 0, 1, 1))
    assert float(loss) == pytest.approx(499, rel=0.01)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "loss"), [("wrt", weighted_triplet), ("squared", squared_weighted_triplet)]
)
def test_weighted_triplets_and_their_gradients_are_the_releases(
    name: str, loss: object, mode: str
) -> None:
    recorded = np.load(REFERENCE / "weighted_triplets.npz")
    identities = Tensor(recorded["labels"].astype(np.int32))
    for number, scale in enumerate(recorded["scales"]):
        features = Tensor((recorded["features"] * scale).astype(np.float32))
        value, gradient = ops.value_and_grad(loss, 0)(features, identities)
        assert float(value.asnumpy()) == pytest.approx(recorded[name][number], rel=1e-5)
        expected = recorded[f"{name}_gradient"][number]
        np.testing.assert_allclose(gradient.asnumpy(), expected, rtol=0, atol=1e-6)
