from __future__ import annotations

import numpy as np
import pytest
from learners import small
from mindspore import Parameter, Tensor, nn

from ddag.settings.choices import OptimizerKind
from ddag.training import optim, parts


def test_every_parameter_that_trains_is_in_one_group() -> None:
    method, learner = small("ddag", "optimizer.graph_scale=0.5")
    optimizer = parts.build_optimizer(method, learner, [1.0])
    names = [each.name for each in optimizer.parameters]
    assert sorted(names) == sorted(each.name for each in learner.trainable_params())


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_beginning_of_names_has_its_share_of_the_rate(kind: str) -> None:
    whole, half = (moves(kind, [0.1], [1.0], decay=0, **scales) for scales in ({}, {"head": 0.5}))
    np.testing.assert_allclose(1 - half[0], (1 - whole[0]) * [1, 0.5], rtol=1e-3)


class Two(nn.Cell):
    """A backbone and a head of one weight each."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Cell()
        self.backbone.weight = Parameter(Tensor(np.ones(1, np.float32)), "backbone.weight")
        self.head = Parameter(Tensor(np.ones(1, np.float32)), "head")


def moves(
    kind: str, rates: list[float], gradients: list[float], decay: float, **scales: float
) -> np.ndarray:
    """Both weights, which start at 1, after each step."""
    cell = Two()
    optimizer = optim.build(
        cell,
        OptimizerKind[kind],
        rates=rates,
        backbone_scale=0.1,
        weight_decay=decay,
        scales=scales,
    )
    states = []
    for gradient in gradients:
        optimizer(tuple(Tensor(np.full(1, gradient, np.float32)) for _ in optimizer.parameters))
        states.append([cell.backbone.weight.asnumpy()[0], cell.head.asnumpy()[0]])
    return np.array(states)


def test_sgd_is_nesterov_with_decay_by_hand() -> None:
    momentum, weight, velocity, expected = 0.9, 1.0, 0.0, []
    for gradient in (1.0, -2.0):
        slope = gradient + 0.1 * weight
        velocity = momentum * velocity + slope
        weight -= 0.5 * (slope + momentum * velocity)
        expected.append(weight)
    ours = moves("sgd", [0.5, 0.5], [1.0, -2.0], decay=0.1)
    np.testing.assert_allclose(ours[:, 1], expected, rtol=1e-5)


def test_adam_takes_a_step_of_the_rate_first() -> None:
    ours = moves("adam", [0.01], [5.0], decay=0)
    np.testing.assert_allclose(ours[0], [1 - 0.001, 1 - 0.01], rtol=1e-5)


@pytest.mark.parametrize(("kind", "moved"), [("sgd", True), ("adam", False)])
def test_decay_alone_moves_the_graph_branch_with_sgd_but_not_with_adam(
    kind: str, moved: bool
) -> None:
    _, learner = small("ddag", "model.part=0")
    weight = learner.objective.graph.first.weight
    before = weight.asnumpy().copy()  # the update is in place
    optimizer = optim.build(
        learner,
        OptimizerKind[kind],
        rates=[0.1],
        backbone_scale=0.1,
        weight_decay=5e-4,
        undecayed=("graph.",),
    )
    optimizer(tuple(Tensor(np.zeros(each.shape, np.float32)) for each in optimizer.parameters))
    assert (weight.asnumpy() != before).any() == moved


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_the_rate_follows_its_list_step_by_step(kind: str) -> None:
    ours = moves(kind, [0.1, 0.0], [1.0, 1.0], decay=0)
    assert ours[0, 1] < 1
    np.testing.assert_array_equal(ours[0], ours[1])
