"""The weights a network starts from, drawn in NumPy: the same seed, the same network anywhere.

Rules of the authors' release, by parameter. MindSpore calls a batch norm's gain ``gamma`` and its
bias ``beta``.
"""

from __future__ import annotations

import math
import re
from typing import Callable

import numpy as np
from mindspore import Tensor, nn

Draw = Callable[[np.random.Generator, "tuple[int, ...]"], np.ndarray]


def initialise(network: nn.Cell, seed: int) -> None:
    """Fill every parameter of a ``network.DDAG`` in place."""
    generator = np.random.default_rng(seed)
    for parameter in network.get_parameters():
        values = draw_rule(parameter.name)(generator, parameter.shape)
        parameter.set_data(Tensor(values.astype(np.float32)))


def draw_rule(name: str) -> Draw:
    """The first rule whose pattern fits the parameter's name."""
    return next(draw for pattern, draw in RULES if re.search(pattern, name))


def kaiming_convolution(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal of variance 2 / (k * k * out), for ``(out, in, k, k)``."""
    outputs, _, height, width = shape
    return generator.normal(0, math.sqrt(2 / (height * width * outputs)), shape)


def uniform_fan_in(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform within 1 / sqrt(fan in); IWPA maps C channels to C, so a bias has the same bound."""
    bound = 1 / math.sqrt(shape[-1])
    return generator.uniform(-bound, bound, shape)


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


RULES: tuple[tuple[str, Draw], ...] = (
    (r"moving_mean$|beta$", constant(0)),
    (r"moving_variance$", constant(1)),
    (r"bottleneck\.gamma$", around(1, 0.01)),  # the neck's and IWPA's
    (r"gamma$", constant(1)),
    (r"^backbone\..*weight$", kaiming_convolution),
    (r"^part\.gate$", equal_shares),
    (r"^part\.", uniform_fan_in),
    (r"^graph\.", xavier),
    (r"^classifier\.", around(0, 0.001)),
)
