from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learners import small

from ddag.data.loader import Batch
from ddag.machine import device
from ddag.methods.method import Method
from ddag.settings.choices import Modality
from ddag.training import parts
from ddag.training.learner import Learner
from ddag.training.step import Losses, NotFiniteError, Trainer

HALF = {"graph_weight": 0.5}


def build(
    *words: str, kind: str = "sgd", rates: list[float]
) -> tuple[Method[Any], Learner, Trainer]:
    device.configure("CPU", device_id=0, mode="pynative", seed=0)  # as each job does
    scale = ["optimizer.backbone_scale=0.1", "optimizer.weight_decay=5e-4"]
    method, learner = small("ddag", f"optimizer={kind}", *scale, *words, identities=4)
    optimizer = parts.build_optimizer(method, learner, rates)
    return method, learner, Trainer(learner, optimizer, seed=0)


def batches(count: int) -> list[Batch]:
    generator = np.random.default_rng(0)
    identities = np.array([0, 0, 2, 2], np.int32)
    return [
        Batch.of_views(
            list(zip(Modality, generator.normal(size=(2, 4, 3, 64, 32)).astype(np.float32))),
            identities,
        )
        for _ in range(count)
    ]


def take(trainer: Trainer, given: list[Batch], *, epoch: int = 0, weight: float = 0.5) -> Losses:
    """A step on each batch; the losses of the last."""
    losses: Losses = {}
    for position, batch in enumerate(given):
        losses = trainer.step(
            batch, epoch=epoch, position=position, scalars={"graph_weight": weight}
        )
    return losses


def state(network: Learner) -> dict[str, np.ndarray]:
    return {each.name: each.asnumpy().copy() for each in network.get_parameters()}


@pytest.fixture(scope="module")
def after_one_step() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    _, network, trainer = build(rates=[0.1, 0.1])
    before = state(network)
    take(trainer, batches(1))
    return before, state(network)


def test_a_step_leaves_frozen_biases_and_moves_running_statistics(
    after_one_step: tuple[dict, dict],
) -> None:
    before, after = after_one_step
    for name in ("bottleneck.beta", "part.bottleneck.beta"):
        np.testing.assert_array_equal(before[name], after[name])
    for name in ("bottleneck.moving_mean", "backbone.infrared.bn1.moving_variance"):
        assert np.abs(before[name] - after[name]).max() > 0


def test_a_rate_of_zero_moves_no_weight() -> None:
    _, network, trainer = build(rates=[0.0])
    before = state(network)
    take(trainer, batches(1))
    for parameter in network.trainable_params():
        np.testing.assert_array_equal(before[parameter.name], parameter.asnumpy())


@pytest.mark.slow
@pytest.mark.smoke
def test_training_is_repeatable_to_the_bit() -> None:
    finals = []
    for _ in range(2):
        _, network, trainer = build(kind="adam", rates=[0.01] * 2)
        take(trainer, batches(2))
        finals.append(state(network))
    for name, values in finals[0].items():
        np.testing.assert_array_equal(values, finals[1][name])


def test_the_total_loss_is_the_weighted_sum() -> None:
    method, _, trainer = build(rates=[0.01])
    losses = take(trainer, batches(1), weight=0.25)
    expected = method.carry(losses) + 0.25 * losses["loss_graph"]
    assert losses["loss"] == pytest.approx(expected)


def test_without_graph_there_is_no_graph_loss() -> None:
    _, _, trainer = build("model.graph=false", rates=[0.01])
    batch = batches(1)[0]
    losses = trainer.step(batch, epoch=0, position=0, scalars={})
    assert "loss_graph" not in losses


@pytest.mark.slow
def test_a_fixed_batch_is_learnt() -> None:
    _, _, trainer = build(kind="adam", rates=[0.01] * 8)
    (batch,) = batches(1)
    first = take(trainer, [batch])
    take(trainer, [batch] * 6, epoch=1)
    last = take(trainer, [batch], epoch=2)
    for name in ("loss_id", "loss_part", "loss_graph"):
        assert last[name] < 0.7 * first[name], name


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_step_that_is_not_finite_changes_nothing(kind: str) -> None:
    _, network, trainer = build(kind=kind, rates=[0.01] * 3)
    good, other = batches(2)
    take(trainer, [good])
    before = state(network)
    bad = good._replace(visible=np.full_like(good.visible, np.nan))
    with pytest.raises(NotFiniteError, match="gradient_norm nan"):
        trainer.step(bad, epoch=0, position=1, scalars=HALF)
    for name, values in state(network).items():
        np.testing.assert_array_equal(before[name], values)
    after = trainer.step(other, epoch=0, position=2, scalars=HALF)
    _, again, fresh = build(kind=kind, rates=[0.01] * 3)
    take(fresh, [good])
    assert fresh.step(other, epoch=0, position=2, scalars=HALF) == after
    for name, values in state(again).items():
        np.testing.assert_array_equal(state(network)[name], values)
