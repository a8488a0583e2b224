"""The scale of the loss, which keeps small gradients within the range of float16.

float16 has nothing below 6e-8, where many gradients of a map lie. Those of the loss times a scale
do not; what they come to for the weights, in float32, is divided by it again. A scale that is too
large makes infinities of them: then the step is not taken, and the scale halved.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from typing import Any

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from ddag.training.learner import Learner

FIRST = 2.0**8  # small enough for a first epoch of few steps; it grows
MOST = 2.0**24
PATIENCE = 1000  # steps in a row that went through, after which the scale is doubled


class OverflowedError(ArithmeticError):
    """The scaled gradients left the range of float16; the step was not taken, the scale halved."""


class LossScale(nn.Cell):
    """The scale and its history; a power of 2, so that scaling rounds nothing.

    Its two parameters are saved with the optimiser's.
    """

    def __init__(self) -> None:
        super().__init__(auto_prefix=False)
        self.value = Parameter(
            Tensor(FIRST, ms.float32), name="loss_scale.value", requires_grad=False
        )
        self.steps = Parameter(Tensor(0, ms.int32), name="loss_scale.steps", requires_grad=False)

    @property
    def factor(self) -> float:
        """What the loss is multiplied by."""
        return float(self.value.asnumpy())

    def halve(self) -> bool:
        """Halve the scale; whether it was above 1, and so may be what went wrong."""
        factor = self.factor
        self._set(max(1.0, factor / 2), 0)
        return factor > 1

    def count(self) -> None:
        """Note a step that went through; ``PATIENCE`` of them in a row double the scale."""
        steps = int(self.steps.asnumpy()) + 1
        if steps < PATIENCE:
            self._set(self.factor, steps)
        else:
            self._set(min(MOST, self.factor * 2), 0)

    def _set(self, factor: float, steps: int) -> None:
        self.value.set_data(Tensor(factor, ms.float32))
        self.steps.set_data(Tensor(steps, ms.int32))


class Scaled(nn.Cell):
    """A cell whose first term, which is differentiated, is multiplied by a scale."""

    def __init__(self, cell: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.cell = cell

    def construct(self, scale: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Args: scale: a scalar; *inputs: the cell's."""
        terms = self.cell(*inputs)
        return (terms[0] * scale,) + terms[1:]


class ScaledGradient(nn.Cell):
    """Terms and gradients as ``ops.value_and_grad`` gives them, by way of a scaled loss."""

    def __init__(self, learner: Learner, parameters: ParameterTuple) -> None:
        super().__init__(auto_prefix=False)
        self.scaled = Scaled(learner)
        self.value_and_grad = ops.value_and_grad(self.scaled, None, parameters, has_aux=True)

    def construct(self, scale: Tensor, *inputs: Tensor) -> tuple[Any, ...]:
        """Args: scale: of the loss, a scalar; *inputs: the learner's."""
        terms, gradients = self.value_and_grad(scale, *inputs)
        inverse = 1 / scale
        return (terms[0] * inverse,) + terms[1:], multiplied(gradients, inverse)


def multiplied(gradients: tuple[Tensor, ...], factor: Tensor) -> tuple[Tensor, ...]:
    """Each of the gradients times a scalar."""
    products = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
    for gradient in gradients:
        products = products + (gradient * factor,)
    return products
