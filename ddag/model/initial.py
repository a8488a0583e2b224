"""The weights a run starts from, drawn in NumPy: the same seed, the same network anywhere.

A method has a rule for each parameter, by its name. MindSpore calls a batch norm's gain ``gamma``
and its bias ``beta``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

import numpy as np

if TYPE_CHECKING:
    from mindspore import nn

Draw = Callable[[np.random.Generator, "tuple[int, ...]"], np.ndarray]
Rule = tuple[str, Draw]  # pattern of names, and how what has such a name is drawn


def initialise(cell: nn.Cell, seed: int, rules: Sequence[Rule]) -> None:
    """Fill every parameter of ``cell`` in place.

    Args:
        cell: network and objective of a method.
        seed: the same seed gives the same weights.
        rules: the first whose pattern fits a parameter's name draws it.
    """
    from mindspore import Tensor  # only here: a method names its rules without MindSpore

    for parameter in cell.get_parameters():
        # By its own name: what two networks have in common starts alike, whatever else they have.
        generator = np.random.default_rng([seed, *parameter.name.encode()])
        draw = next(draw for pattern, draw in rules if re.search(pattern, parameter.name))
        values = draw(generator, parameter.shape)
        parameter.set_data(Tensor(values.astype(np.float32)))


def kaiming_convolution(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal of variance 2 / (k * k * out), for ``(out, in, k, k)``."""
    outputs, _, height, width = shape
    return generator.normal(0, math.sqrt(2 / (height * width * outputs)), shape)


def kaiming_fan_in(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal of variance 2 / fan in, for ``(out, in)``."""
    return generator.normal(0, math.sqrt(2 / shape[-1]), shape)


def uniform_fan_in(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform within 1 / sqrt(fan in); IWPA maps C channels to C, so a bias has the same bound."""
    bound = 1 / math.sqrt(shape[-1])
    return generator.uniform(-bound, bound, shape)


def uniform(bound: float) -> Draw:
    """Uniform within the bound of 0."""
    return lambda generator, shape: generator.uniform(-bound, bound, shape)


def xavier(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Xavier-uniform, gain 1.414, of ``(heads, in, out)``, each head for itself."""
    bound = 1.414 * math.sqrt(6 / (shape[-2] + shape[-1]))
    return generator.uniform(-bound, bound, shape)


def around(mean: float, deviation: float) -> Draw:
    """Normal of the given mean and standard deviation."""
    return lambda generator, shape: generator.normal(mean, deviation, shape)


def constant(value: float) -> Draw:
    """The same value everywhere."""
    return lambda _, shape: np.full(shape, value)


def equal_shares(_: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """1 / part for each part."""
    return np.full(shape, 1 / shape[0])


# Of the authors' release: the two-stream ResNet, its neck and the classifier.
RULES: tuple[Rule, ...] = (
    (r"moving_mean$|beta$", constant(0)),
    (r"moving_variance$", constant(1)),
    (r"bottleneck\.gamma$", around(1, 0.01)),
    (r"gamma$", constant(1)),
    (r"^backbone\..*weight$", kaiming_convolution),
    (r"^classifier\.", around(0, 0.001)),
)
