from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.part import (
    ATTENTIONS,
    NormalisedPartAttention,
    PartAttention,
    UniformParts,
    adaptive_bins,
    entropy,
    spread,
)


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


def filled(part: int, kind: type[UniformParts] = PartAttention) -> UniformParts:
    attention = kind(8, part=part, rows=6)
    generator = np.random.default_rng(0)
    for parameter in attention.get_parameters():
        if parameter.name.endswith("weight"):
            parameter.set_data(Tensor(generator.normal(size=parameter.shape).astype(np.float32)))
    attention.set_train(False)
    return attention


def stripes(images: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(images, 3, 8)).astype(np.float32)


@pytest.mark.parametrize("kind", ATTENTIONS.values())
def test_attention_of_a_stripe_sums_to_one(kind: type[UniformParts]) -> None:
    attention = filled(3, kind).attention(Tensor(stripes())).asnumpy()
    assert attention.shape == (2, 3, 3)
    np.testing.assert_allclose(attention.sum(-1), 1, rtol=1e-5)


def test_uniform_parts_look_at_all_alike_and_have_no_query_or_key() -> None:
    parts = filled(3, UniformParts)
    np.testing.assert_allclose(parts.attention(Tensor(stripes())).asnumpy(), 1 / 3, rtol=1e-6)
    assert {each.name.partition(".")[0] for each in parts.get_parameters()} == {
        "value", "gate", "bottleneck",
    }  # fmt: skip


def test_the_mean_of_each_position_does_not_reach_normalised_attention() -> None:
    parts = filled(3, NormalisedPartAttention)
    parts.set_train(True)
    means = np.arange(24, dtype=np.float32).reshape(1, 3, 8)
    plain, moved = (
        parts.attention(Tensor(given)).asnumpy() for given in (stripes(6), stripes(6) + means)
    )
    np.testing.assert_allclose(plain, moved, rtol=1e-3, atol=1e-4)
    assert plain.std(0).max() > 0.02


def test_a_normalised_weight_is_at_most_e_to_the_fourth_times_another() -> None:
    attention = filled(3, NormalisedPartAttention).attention(Tensor(1e4 * stripes(6))).asnumpy()
    assert (attention.max(-1) / attention.min(-1)).max() <= np.exp(4) * 1.001


def test_entropy_by_hand() -> None:
    one_hot, even = np.eye(2)[None], np.full((1, 2, 2), 0.5)
    assert float(entropy(Tensor(one_hot.astype(np.float32)))) == pytest.approx(0, abs=1e-6)
    assert float(entropy(Tensor(even.astype(np.float32)))) == pytest.approx(1, rel=1e-5)
    mixed = Tensor(np.concatenate((one_hot, even)).astype(np.float32))
    assert float(entropy(mixed)) == pytest.approx(0.5, rel=1e-5)


def test_the_spread_over_images_by_hand() -> None:
    given = np.array([[[0.2, 0.8], [0.5, 0.5]], [[0.4, 0.6], [0.5, 0.5]]], np.float32)
    assert float(spread(Tensor(given))) == pytest.approx((0.1 + 0.1) / 4, rel=1e-3)
    assert float(spread(Tensor(given[:1].repeat(4, axis=0)))) == pytest.approx(0, abs=1e-5)


def test_the_gate_is_not_overwritten_by_its_softmax() -> None:
    attention = filled(3)
    gate = np.array([2.0, 0.0, -1.0], np.float32)
    attention.gate.set_data(Tensor(gate))
    feature_map = Tensor(np.ones((2, 8, 6, 3), np.float32))
    first = attention(feature_map, Tensor(np.zeros((2, 8), np.float32)))[0].asnumpy()
    second = attention(feature_map, Tensor(np.zeros((2, 8), np.float32)))[0].asnumpy()
    np.testing.assert_array_equal(attention.gate.asnumpy(), gate)
    np.testing.assert_array_equal(first, second)


def test_a_gate_wide_open_for_one_part_passes_only_that_part() -> None:
    attention = filled(2)
    attention.gate.set_data(Tensor(np.array([100.0, 0.0], np.float32)))
    # Every stripe looks at itself alone: no query, no key, and a value of one stripe only.
    feature_map = np.zeros((1, 8, 6, 3), np.float32)
    feature_map[:, :, 3:] = 1
    pooled = Tensor(np.zeros((1, 8), np.float32))
    open_gate = attention(Tensor(feature_map), pooled)[0].asnumpy()
    attention.gate.set_data(Tensor(np.array([0.0, 100.0], np.float32)))
    other_gate = attention(Tensor(feature_map), pooled)[0].asnumpy()
    assert np.abs(open_gate - other_gate).max() > 1e-3
