"""A batch that goes through the backbone in parts gives what a batch of parts would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learners import small, small_method
from mindspore import Tensor, nn, ops

from ddag.data.loader import Batch
from ddag.machine import device
from ddag.machine.errors import InputError
from ddag.methods.method import Method
from ddag.training import parts
from ddag.training.accumulating import Parted
from ddag.training.learner import Learner
from ddag.training.scaling import LossScale
from ddag.training.step import Trainer
from ddag.training.update import Step

pytestmark = pytest.mark.skipif(device.VERSION.startswith("1."), reason="needs MindSpore 2")
SAMPLES = 4
RATE = 0.01


class Apart(nn.Cell):
    """The learner whose backbone sees half of the samples at a time, all in one graph."""

    def __init__(self, learner: Learner, views: int) -> None:
        super().__init__(auto_prefix=False)
        self.network, self.objective = learner.network, learner.objective
        self.learner, self.views = learner, views

    def construct(self, visible: Tensor, infrared: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        first, second = self.of_half(visible, infrared, 0), self.of_half(visible, infrared, 1)
        half, rows = SAMPLES // 2, ()
        for view in range(self.views):
            rows = rows + (first[view * half : (view + 1) * half],)  # noqa: RUF005
            rows = rows + (second[view * half : (view + 1) * half],)  # noqa: RUF005
        return self.learner.judge(ops.concat(rows), *rest)

    def of_half(self, visible: Tensor, infrared: Tensor, which: int) -> Tensor:
        """The map of half of the samples of all views."""
        return self.network.backbone(self.halved(visible, which), self.halved(infrared, which))

    def halved(self, images: Tensor, which: int) -> Tensor:
        apart = images.reshape((-1, 2, SAMPLES // 2) + images.shape[1:])  # noqa: RUF005
        return apart[:, which].reshape((-1,) + images.shape[1:])  # noqa: RUF005


def build(name: str, *words: str) -> tuple[Method[Any], Learner, nn.Optimizer]:
    method, learner = small(name, "optimizer=sgd", *words, identities=4)
    return method, learner, parts.build_optimizer(method, learner, [RATE] * 4)


def batch_of(method: Method[Any], seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    shape = (SAMPLES, 3, 64, 32)
    views = [(view, generator.normal(size=shape).astype(np.float32)) for view in method.views]
    return Batch.of_views(views, np.array([0, 0, 2, 2], np.int32))


def taken(name: str, *, scale: bool = False) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """What a step in two parts says, and what it leaves."""
    method, learner, optimizer = build(name)
    trainer = Trainer(
        learner, optimizer, seed=0, parts=Parted(2, len(method.views)),
        scale=LossScale() if scale else None,
    )  # fmt: skip
    batch, scalars = batch_of(method), method.scalars(1.0)
    trainer.compile(batch, scalars)
    losses = trainer.step(batch, epoch=0, position=0, scalars=scalars)
    return losses, {each.name: each.asnumpy() for each in learner.get_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how"), [("ddag", "graph"), ("caj", "graph"), ("agw", "pynative"), ("hct", "pynative")]
)
def test_parts_one_after_the_other_give_the_step_of_parts_side_by_side(name: str, how: str) -> None:
    device.configure("CPU", device_id=0, mode=how, seed=0)
    losses, after = taken(name)
    method, learner, optimizer = build(name)
    inputs = Trainer(learner, optimizer, seed=0).inputs(
        batch_of(method), epoch=0, position=0, scalars=method.scalars(1.0)
    )
    step = Step(Apart(learner, len(method.views)), optimizer)  # type: ignore[arg-type]
    step.set_train(True)
    terms, _ = step(*inputs)
    assert losses["loss"] == pytest.approx(float(terms[0].asnumpy()), rel=1e-5)
    for each in learner.get_parameters():
        value = each.asnumpy()
        np.testing.assert_allclose(
            after[each.name], value, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(value).max()),
            err_msg=each.name,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.smoke
def test_a_scale_of_the_loss_changes_nothing_in_float32(mode: str) -> None:
    plain, scaled = taken("ddag"), taken("ddag", scale=True)
    assert plain[0] == scaled[0]
    for name, value in plain[1].items():
        np.testing.assert_array_equal(value, scaled[1][name], err_msg=name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["device.accumulate=2"], "device.sync_bn=false"),
        (["device.accumulate=3", "device.sync_bn=false"], "do not divide into as many parts"),
        (["device.accumulate=0"], "use 1 to 1024"),
        (["device.accumulate=2", "device.sync_bn=false", "job=doctor"], "trains in no parts"),
    ],
)
def test_parts_that_cannot_be_are_refused_by_name(words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        small_method("ddag", *words)
    assert str(raised.value).startswith("device.accumulate=")
