from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor, ops

from ddag.losses.classification import agreement, cross_entropy, negative_log_likelihood


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


def test_agreement_is_the_cross_entropy_with_what_the_other_view_says_which_gets_no_gradient() -> (
    None
):
    # One view says (1/4, 3/4), the other (1/2, 1/2).
    learns, teaches = tensor([[0, np.log(3)]]), tensor([[0, 0]])
    expected = -(np.log(1 / 4) + np.log(3 / 4)) / 2
    assert float(agreement(learns, teaches)) == pytest.approx(expected, rel=1e-5)
    _, (ours, theirs) = ops.value_and_grad(agreement, (0, 1))(learns, teaches)
    np.testing.assert_allclose(ours.asnumpy(), [[1 / 4 - 1 / 2, 3 / 4 - 1 / 2]], rtol=1e-5)
    np.testing.assert_array_equal(theirs.asnumpy(), 0)


def test_smoothed_labels_by_hand() -> None:
    # Of four identities each gets 0.2 / 4 = 0.05, and the image's own 0.8 more.
    log_probabilities = tensor([[-1, -2, -3, -4]])
    loss = negative_log_likelihood(log_probabilities, labels(1), 0.2)
    assert float(loss) == pytest.approx(0.85 * 2 + 0.05 * (1 + 3 + 4), rel=1e-6)


def test_without_smoothing_nothing_changes_to_the_bit() -> None:
    logits = tensor(np.random.default_rng(0).normal(size=(6, 5)))
    whole = cross_entropy(logits, labels(0, 1, 2, 3, 4, 0)).asnumpy()
    log_softmax = ops.log_softmax(logits, -1).asnumpy()
    picked = log_softmax * np.eye(5, dtype=np.float32)[[0, 1, 2, 3, 4, 0]]
    expected = -Tensor(picked).sum(1).mean()
    np.testing.assert_array_equal(whole, expected.asnumpy())
