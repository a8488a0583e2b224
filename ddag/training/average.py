"""The exponential moving average of the weights, which a run may evaluate by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

PREFIX = "ema."


class Average(nn.Cell):
    """average = decay * average + (1 - decay) * weights, after each step.

    It is of every parameter of network and objective, the batch norms' running statistics too.
    """

    def __init__(self, learner: nn.Cell, decay: float) -> None:
        """Begin with the weights as they are; ``decay``: from 0 to below 1."""
        super().__init__(auto_prefix=False)
        self.weights = ParameterTuple(learner.get_parameters())
        self.means = ParameterTuple(
            Parameter(each.asnumpy().copy(), name=PREFIX + each.name, requires_grad=False)
            for each in self.weights
        )
        self.share = 1 - decay

    def construct(self) -> bool:
        """Take in the weights as they are now."""
        for mean, weight in zip(self.means, self.weights):
            # In this form what does not change stays as it is, to the bit.
            ops.assign(mean, mean + self.share * (weight - mean))
        return True

    def restart(self) -> None:
        """Begin anew with the weights as they are now."""
        _assign(self.means, [each.asnumpy().copy() for each in self.weights])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the average in the place of the weights, which come back at the end."""
        held = [each.asnumpy().copy() for each in self.weights]
        _assign(self.weights, [each.asnumpy().copy() for each in self.means])
        try:
            yield
        finally:
            _assign(self.weights, held)


class State(nn.Cell):
    """All that a run keeps beside its weights: the optimiser's moments, and what else there is."""

    def __init__(self, optimizer: nn.Optimizer, others: Sequence[nn.Cell]) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.others = nn.CellList(others, auto_prefix=False)


def _assign(parameters: Iterable[Parameter], values: Iterable[np.ndarray]) -> None:
    # In pynative mode an optimiser that has taken steps does not find what set_data gives.
    for parameter, value in zip(parameters, values):
        ops.assign(parameter, Tensor(value))


def averages(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The average by the names of the weights in what a checkpoint keeps beside those; or none."""
    return {name[len(PREFIX) :]: value for name, value in state.items() if name.startswith(PREFIX)}
