from __future__ import annotations

import numpy as np
import pytest
from learners import small
from mindspore import nn

from ddag.model.initial import constant, initialise


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return draw(seed=0)


def draw(seed: int) -> dict[str, np.ndarray]:
    words = ("model.low_dim=64", "model.heads=4", "data.height=96")
    _, learner = small("ddag", *words, identities=100, seed=seed)
    return {parameter.name: parameter.asnumpy() for parameter in learner.get_parameters()}


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        # sqrt(2 / (kernel height * kernel width * outputs))
        ("backbone.visible.conv1.weight", np.sqrt(2 / (7 * 7 * 64))),
        ("backbone.shared.layer3.0.conv2.weight", np.sqrt(2 / (3 * 3 * 256))),
        ("classifier.weight", 0.001),
        ("part.bottleneck.gamma", 0.01),
        ("bottleneck.gamma", 0.01),
    ],
)
def test_normal_weights_have_their_deviation(
    weights: dict[str, np.ndarray], name: str, deviation: float
) -> None:
    assert weights[name].std() == pytest.approx(deviation, rel=0.1)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("part.query.weight", 1 / np.sqrt(512)),
        ("part.value.bias", 1 / np.sqrt(512)),
        # Xavier with gain 1.414: 1.414 * sqrt(6 / (in + out)), each head for itself
        ("graph.first.weight", 1.414 * np.sqrt(6 / (512 + 64))),
        ("graph.first.attention", 1.414 * np.sqrt(6 / (2 * 64 + 1))),
        ("graph.second.weight", 1.414 * np.sqrt(6 / (4 * 64 + 100))),
        ("graph.second.attention", 1.414 * np.sqrt(6 / (2 * 100 + 1))),
    ],
)
def test_uniform_weights_fill_their_range(
    weights: dict[str, np.ndarray], name: str, bound: float
) -> None:
    assert 0.95 * bound < np.abs(weights[name]).max() <= bound * (1 + 1e-6)
    assert abs(weights[name].mean()) < 0.2 * bound


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("part.gate", 1 / 3),
        ("bottleneck.beta", 0),
        ("part.bottleneck.beta", 0),
        ("backbone.shared.layer1.0.bn1.gamma", 1),
        ("backbone.shared.layer1.0.bn1.beta", 0),
        ("backbone.infrared.bn1.moving_mean", 0),
        ("backbone.infrared.bn1.moving_variance", 1),
    ],
)
def test_constant_weights(weights: dict[str, np.ndarray], name: str, value: float) -> None:
    np.testing.assert_allclose(weights[name], value, rtol=1e-6)


def test_the_neck_gains_scatter_around_one(weights: dict[str, np.ndarray]) -> None:
    assert weights["bottleneck.gamma"].mean() == pytest.approx(1, abs=0.005)


def test_the_two_stems_differ(weights: dict[str, np.ndarray]) -> None:
    visible = weights["backbone.visible.conv1.weight"]
    assert (visible != weights["backbone.infrared.conv1.weight"]).mean() > 0.99


def test_the_same_seed_draws_the_same_network(weights: dict[str, np.ndarray]) -> None:
    again, other = draw(seed=0), draw(seed=1)
    for name, values in weights.items():
        np.testing.assert_array_equal(values, again[name])
    assert (weights["classifier.weight"] != other["classifier.weight"]).all()


def test_the_first_rule_that_fits_a_name_draws_it() -> None:
    cell = nn.Dense(2, 3)
    initialise(cell, 0, ((r"^bias$", constant(1)), (r"", constant(2)), (r"", constant(3))))
    np.testing.assert_array_equal(cell.bias.asnumpy(), 1)
    np.testing.assert_array_equal(cell.weight.asnumpy(), 2)


def test_a_seed_draws_the_same_stems_for_every_method(weights: dict[str, np.ndarray]) -> None:
    _, learner = small("baseline", "data.height=96", identities=100)
    for parameter in learner.network.backbone.visible.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), weights[parameter.name])
