from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.losses.objective import (
    TERMS,
    BatchLoss,
    batch_hard_triplet,
    center_triplet,
    cross_entropy,
    negative_log_likelihood,
    pairwise_distance,
)
from ddag.model.graph import draw_masks
from ddag.model.initial import initialise
from ddag.model.network import DDAG


def tensor(values: object) -> Tensor:
    return Tensor(np.array(values, np.float32))


def labels(*values: int) -> Tensor:
    return Tensor(np.array(values, np.int32))


def test_cross_entropy_by_hand() -> None:
    # softmax of (0, ln 3) is (1/4, 3/4)
    logits = tensor([[0, np.log(3)], [0, np.log(3)]])
    loss = cross_entropy(logits, labels(1, 0))
    assert float(loss) == pytest.approx((np.log(4 / 3) + np.log(4)) / 2, rel=1e-5)


def test_negative_log_likelihood_picks_each_images_own_class() -> None:
    loss = negative_log_likelihood(tensor([[-1, -2], [-3, -4]]), labels(0, 1))
    assert float(loss) == pytest.approx(2.5)


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
    loss = center_triplet(features, labels(0, 0, 1, 1, 0, 0, 1, 1), 5.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def losses_of(part: int = 3, *, graph: bool = True, weight: float = 0.5, **kinds: object):
    network = DDAG(4, backbone="resnet18", part=part, graph=graph, low_dim=8, heads=2, height=64)
    initialise(network, seed=0)
    settings = {"kind": "id+tri", "triplet": "hard", "margin": 0.3, **kinds}
    generator = np.random.default_rng(0)
    visible, infrared = generator.normal(size=(2, 4, 3, 64, 32)).astype(np.float32)
    masks = draw_masks(generator, 0, nodes=8, channels=512, heads=2, hidden=8) if graph else ()
    terms = BatchLoss(network, **settings)(
        Tensor(visible),
        Tensor(infrared),
        labels(0, 0, 2, 2),
        Tensor(weight, ms.float32),
        *map(Tensor, masks),
    )
    return dict(zip(TERMS, (float(term) for term in terms)))


def test_the_total_is_the_sum_with_the_graph_loss_weighed() -> None:
    losses = losses_of(weight=0.25)
    parts = losses["loss_id"] + losses["loss_triplet"] + losses["loss_part"]
    assert losses["loss"] == pytest.approx(parts + 0.25 * losses["loss_graph"], rel=1e-5)
    assert all(value > 0 for value in losses.values())


@pytest.mark.parametrize(
    ("settings", "off"),
    [
        ({"kind": "id"}, "loss_triplet"),
        ({"kind": "tri"}, "loss_id"),
        ({"part": 0}, "loss_part"),
        ({"graph": False}, "loss_graph"),
    ],
)
def test_a_term_that_is_off_is_zero_and_the_others_stay(settings: dict, off: str) -> None:
    losses = losses_of(**settings)
    assert losses.pop(off) == 0
    assert all(value > 0 for value in losses.values())
