from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from ddag.model.part import adaptive_bins
from ddag.model.pooling import pool, pool_stripes, power

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


@pytest.mark.parametrize("exponent", [1, 2, 3, 10])
def test_a_generalised_mean_by_hand(exponent: int) -> None:
    column = Tensor(np.array([1, 2, 3, 0], np.float32).reshape(1, 1, 4, 1))
    mean = (1 + 2**exponent + 3**exponent) / 4
    expected = (mean + 1e-12 * (exponent > 1)) ** (1 / exponent)
    np.testing.assert_allclose(pool(column, exponent).asnumpy(), [[expected]], rtol=1e-5)
    halves = pool_stripes(column, Tensor(adaptive_bins(4, 2)), exponent).asnumpy()
    powers = [(1 + 2**exponent) / 2, 3**exponent / 2]
    np.testing.assert_allclose(halves[0, :, 0], np.power(powers, 1 / exponent), rtol=1e-5)


@pytest.mark.smoke
def test_a_generalised_mean_is_the_same_in_a_graph() -> None:
    class Pooled(nn.Cell):
        def construct(self, x: Tensor) -> Tensor:
            return pool(x, 3)

    ms.set_context(mode=ms.GRAPH_MODE)
    try:
        pooled = Pooled()(Tensor(MAP)).asnumpy()
    finally:
        ms.set_context(mode=ms.PYNATIVE_MODE)
    expected = (MAP.astype(np.float64) ** 3).mean((2, 3)) ** (1 / 3)
    np.testing.assert_allclose(pooled, expected, rtol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize("exponent", [3, 10])
def test_a_map_of_zeros_has_a_small_generalised_mean_and_a_gradient(exponent: int) -> None:
    zeros = Tensor(np.zeros((1, 1, 2, 2), np.float32))
    np.testing.assert_allclose(pool(zeros, exponent).asnumpy(), 1e-12 ** (1 / exponent), rtol=1e-5)

    def total(x: Tensor) -> Tensor:
        return pool(x, exponent).sum()

    gradient = ops.grad(total)(zeros)
    np.testing.assert_array_equal(gradient.asnumpy(), 0)


@pytest.mark.parametrize("exponent", range(1, 33))
def test_a_power_is_what_numpy_says(exponent: int) -> None:
    x = np.linspace(0, 2, 9, dtype=np.float32)
    np.testing.assert_allclose(power(Tensor(x), exponent).asnumpy(), x**exponent, rtol=1e-5)
