from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.losses.classification import cross_entropy, negative_log_likelihood


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
