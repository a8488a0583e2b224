from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.part import PartAttention, adaptive_bins


def test_parts_that_divide_the_rows_share_none() -> None:
    expected = np.kron(np.eye(3), np.full((2, 1), 1 / 2))
    np.testing.assert_allclose(adaptive_bins(6, 3), expected)


def test_parts_that_do_not_divide_the_rows_overlap_as_in_pytorch() -> None:
    # Rows 0-2, 1-4 and 3-5 of five: floor(i * 5 / 3) up to ceil((i + 1) * 5 / 3).
    expected = np.array([[1 / 2, 0, 0], [1 / 2, 1 / 3, 0], [0, 1 / 3, 0], [0, 1 / 3, 1 / 2],
                         [0, 0, 1 / 2]])  # fmt: skip
    np.testing.assert_allclose(adaptive_bins(5, 3), expected, rtol=1e-6)


@pytest.mark.parametrize(("rows", "part"), [(18, 1), (18, 5), (18, 18), (7, 4)])
def test_each_part_is_a_mean(rows: int, part: int) -> None:
    np.testing.assert_allclose(adaptive_bins(rows, part).sum(axis=0), 1, rtol=1e-6)


def filled(part: int) -> PartAttention:
    attention = PartAttention(8, part=part, rows=6)
    generator = np.random.default_rng(0)
    for parameter in attention.get_parameters():
        if parameter.name.endswith("weight"):
            parameter.set_data(Tensor(generator.normal(size=parameter.shape).astype(np.float32)))
    attention.set_train(False)
    return attention


def test_attention_of_a_stripe_sums_to_one() -> None:
    stripes = Tensor(np.random.default_rng(1).normal(size=(2, 3, 8)).astype(np.float32))
    np.testing.assert_allclose(filled(3).attention(stripes).asnumpy().sum(-1), 1, rtol=1e-5)


def test_the_gate_is_not_overwritten_by_its_softmax() -> None:
    attention = filled(3)
    gate = np.array([2.0, 0.0, -1.0], np.float32)
    attention.gate.set_data(Tensor(gate))
    feature_map = Tensor(np.ones((2, 8, 6, 3), np.float32))
    first = attention(feature_map, Tensor(np.zeros((2, 8), np.float32))).asnumpy()
    second = attention(feature_map, Tensor(np.zeros((2, 8), np.float32))).asnumpy()
    np.testing.assert_array_equal(attention.gate.asnumpy(), gate)
    np.testing.assert_array_equal(first, second)


def test_a_gate_wide_open_for_one_part_passes_only_that_part() -> None:
    attention = filled(2)
    attention.gate.set_data(Tensor(np.array([100.0, 0.0], np.float32)))
    # Every stripe looks at itself alone: no query, no key, and a value of one stripe only.
    feature_map = np.zeros((1, 8, 6, 3), np.float32)
    feature_map[:, :, 3:] = 1
    pooled = Tensor(np.zeros((1, 8), np.float32))
    open_gate = attention(Tensor(feature_map), pooled).asnumpy()
    attention.gate.set_data(Tensor(np.array([0.0, 100.0], np.float32)))
    other_gate = attention(Tensor(feature_map), pooled).asnumpy()
    assert np.abs(open_gate - other_gate).max() > 1e-3
