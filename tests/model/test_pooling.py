from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.part import adaptive_bins
from ddag.model.pooling import pool, pool_stripes

MAP = np.random.default_rng(0).random((2, 5, 6, 3), np.float32)


def test_pooling_is_the_mean_over_the_map() -> None:
    np.testing.assert_allclose(pool(Tensor(MAP)).asnumpy(), MAP.mean((2, 3)), rtol=1e-6)


@pytest.mark.parametrize(
    ("part", "stripes"), [(2, [(0, 3), (3, 6)]), (4, [(0, 2), (1, 3), (3, 5), (4, 6)])]
)
def test_a_stripe_is_the_mean_over_its_rows(part: int, stripes: list[tuple[int, int]]) -> None:
    pooled = pool_stripes(Tensor(MAP), Tensor(adaptive_bins(6, part))).asnumpy()
    for number, (first, end) in enumerate(stripes):
        expected = MAP[:, :, first:end].mean((2, 3))
        np.testing.assert_allclose(pooled[:, number], expected, rtol=1e-6)
