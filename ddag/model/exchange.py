"""What the processes of one run tell each other, all of it by sums of float32.

Of all collective operations MindSpore 1.10 has this one alone on the CPU. A process that has
something to say puts it where the others have zeros.

Shapes: W processes; V views of a sample, B samples in a batch, N = V * B images.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from ddag.machine.sharing import Share

Result = TypeVar("Result")
_PIECE = 1 << 20  # numbers that are summed at a time: one shape, and so one compilation, for all


class Sum(nn.Cell):
    """A tensor's sum over the processes, the same in each of them.

    Its gradient is the sum of the processes' gradients: what is differentiated is the sum of their
    losses, W times the loss where each has the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reduce = ops.AllReduce()

    def construct(self, x: Tensor) -> Tensor:
        """Of any shape."""
        return self.reduce(x)


class Mean(Sum):
    """A tensor's mean over the processes."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.count = share.count

    def construct(self, x: Tensor) -> Tensor:
        """Of any shape; a scalar, too."""
        return self.reduce(x.reshape(-1)).reshape(x.shape) / self.count


class Gather(Sum):
    """What each process says of its own images, joined to what is said of the whole batch."""

    def __init__(self, share: Share, views: int) -> None:
        """Args: views: of a sample, V; each process has the same samples of all of them."""
        super().__init__()
        self.views = views
        self.slot = Tensor(slot(share).reshape(1, -1, 1, 1))

    def construct(self, own: Tensor) -> Tensor:
        """Rows in the order of ``data.loader.Batch``: ``(N / W, ...)`` to ``(N, ...)``."""
        samples = own.shape[0] // self.views
        rows = own.reshape(self.views, 1, samples, -1) * self.slot  # (V, W, B / W, ...)
        return self.reduce(rows).reshape((-1,) + own.shape[1:])


class Agreement(nn.Cell):
    """Gives parameters their mean over the processes."""

    def __init__(self, share: Share, parameters: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.parameters_agreed = ParameterTuple(parameters)
        self.mean = Mean(share)

    def construct(self) -> bool:
        """Do so."""
        for each in self.parameters_agreed:
            ops.assign(each, self.mean(each))
        return True


def slot(share: Share) -> np.ndarray:
    """``(W,)`` float32: 1 at the process's own place, 0 at the others'."""
    return np.eye(share.count, dtype=np.float32)[share.index]


class Exchange:
    """The same of arrays and words; every process calls each function in the same order.

    Attributes:
        share: of this process; alone it gives back what it is given.
    """

    def __init__(self, share: Share) -> None:
        self.share = share
        self._sum = Sum() if share.count > 1 else nn.Identity()

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """Which of the flags are up in any process."""
        return [bool(value) for value in self._add(np.array(flags, np.float32)) > 0]

    def of_first(self, value: float) -> float:
        """The first process's value, to the bit."""
        said = np.frombuffer(struct.pack("d", value), np.uint8) * np.uint8(self.share.first)
        (heard,) = struct.unpack("d", self._add(said.astype(np.float32)).astype(np.uint8).tobytes())
        return float(heard)

    def own(self, count: int) -> np.ndarray:
        """Which of so many rows are this process's to work on, as many as any other's.

        Where they do not share out evenly, the last row is some processes' own more than once.
        """
        each = -(-count // self.share.count)
        return np.arange(each * self.share.index, each * (self.share.index + 1)).clip(0, count - 1)

    def join(self, own: np.ndarray, count: int) -> np.ndarray:
        """All ``count`` rows, float32, of those that ``own`` gave each process."""
        if self.share.count == 1:
            return own
        whole = np.zeros((self.share.count, *own.shape), np.float32)
        whole[self.share.index] = own
        flat = whole.reshape(-1)
        for start in range(0, len(flat), _PIECE):
            piece = np.zeros(_PIECE, np.float32)
            held = flat[start : start + _PIECE]
            piece[: len(held)] = held
            held[:] = self._add(piece)[: len(held)]
        return whole.reshape(-1, *own.shape[1:])[:count]

    def first_ahead(self, work: Callable[[], Result]) -> Result:
        """Have the first process do something before any other does."""
        if self.share.first:
            done = work()
            self.any([True])
            return done
        self.any([True])
        return work()

    def _add(self, values: np.ndarray) -> np.ndarray:
        if self.share.count == 1:
            return values
        summed: np.ndarray = self._sum(Tensor(values)).asnumpy()
        return summed
