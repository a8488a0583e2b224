"""The scale of the loss: what it changes, and what becomes of a step that it spoils."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learners import small
from method_contract import batch_of, state

from ddag.training import parts, scaling
from ddag.training.scaling import FIRST, MOST, LossScale, OverflowedError
from ddag.training.step import NotFiniteError, Trainer
from ddag.training.update import Gradients


class Half:
    """A small network, the scale of its loss and its trainer."""

    def __init__(self, *words: str) -> None:
        self.method, self.learner = small("baseline", *words, identities=4)
        self.optimizer = parts.build_optimizer(self.method, self.learner, [0.01] * 9)
        self.scale = LossScale()
        self.trainer = Trainer(self.learner, self.optimizer, seed=0, scale=self.scale)
        self.batch = batch_of(self.method)
        self.position = 0

    def step(self, **changes: Any) -> dict[str, float]:
        scalars = self.method.scalars(0.5)
        self.position += 1
        return self.trainer.step(
            self.batch._replace(**changes), epoch=0, position=self.position, scalars=scalars
        )

    def held(self) -> dict[str, np.ndarray]:
        moments = {each.name: each.asnumpy().copy() for each in self.optimizer.get_parameters()}
        return {**moments, **state(self.learner)}


@pytest.fixture
def half() -> Half:
    return Half("device.precision=fp16", "optimizer=sgd")


def test_the_scale_doubles_after_so_many_steps_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "PATIENCE", 3)
    scale = LossScale()
    factors = []
    for went_through in (True, True, True, True, True, False, True, True, True):
        if went_through:
            scale.count()
        else:
            assert scale.halve()
        factors.append(scale.factor / FIRST)
    assert factors == [1, 1, 2, 2, 2, 1, 1, 1, 2]


def test_the_scale_stays_within_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "PATIENCE", 1)
    scale = LossScale()
    for _ in range(40):
        scale.count()
    assert scale.factor == MOST
    for _ in range(24):
        assert scale.halve()
    assert scale.factor == 1
    assert not scale.halve()
    assert scale.factor == 1


@pytest.mark.slow
@pytest.mark.smoke
def test_a_scale_changes_no_term_and_no_gradient_of_float32(mode: str) -> None:
    whole = Half("optimizer=sgd")
    inputs = whole.trainer.inputs(
        whole.batch, epoch=0, position=0, scalars=whole.method.scalars(0.5)
    )
    plain = Gradients(whole.learner, whole.optimizer)(*inputs)
    scaled = Gradients(whole.learner, whole.optimizer, scaled=True)(whole.scale.value, *inputs)
    for one, other in zip(flat(plain), flat(scaled)):
        np.testing.assert_array_equal(one, other)


def flat(nested: Any) -> list[np.ndarray]:
    if isinstance(nested, (tuple, list)):
        return [each for inner in nested for each in flat(inner)]
    return [nested.asnumpy()]


@pytest.mark.slow
@pytest.mark.smoke
def test_half_precision_changes_a_step_no_more_than_noise_of_a_thousandth_does(half: Half) -> None:
    whole, noisy = Half("optimizer=sgd"), Half("optimizer=sgd")
    before = weights(whole)
    noise = np.random.default_rng(1).normal(size=noisy.batch.visible.shape).astype(np.float32)
    losses, halves = whole.step(), half.step()
    noisy.step(visible=noisy.batch.visible * (1 + 1e-3 * noise))
    assert halves["loss"] == pytest.approx(losses["loss"], rel=1e-2)
    moved = weights(whole) - before
    by_noise = np.linalg.norm(weights(noisy) - weights(whole))
    assert np.linalg.norm(weights(half) - weights(whole)) < 1.5 * by_noise
    assert by_noise < 0.2 * np.linalg.norm(moved)


def weights(half: Half) -> np.ndarray:
    return np.concatenate([each.asnumpy().ravel() for each in half.optimizer.parameters])


@pytest.mark.slow
def test_a_step_that_overflows_changes_nothing_but_the_scale(half: Half) -> None:
    half.step()
    before = half.held()
    half.scale._set(2.0**60, 5)
    with pytest.raises(OverflowedError):
        half.step()
    assert (half.scale.factor, int(half.scale.steps.asnumpy())) == (2.0**59, 0)
    for name, value in half.held().items():
        np.testing.assert_array_equal(value, before[name], name)
    half.scale._set(FIRST, 0)
    half.step()
    assert int(half.scale.steps.asnumpy()) == 1


@pytest.mark.slow
def test_an_image_that_is_not_a_number_is_no_overflow(half: Half) -> None:
    bad = np.full_like(half.batch.visible, np.nan)
    with pytest.raises(NotFiniteError):
        half.step(visible=bad)
    assert half.scale.factor == FIRST
