"""A step whose batch goes through the backbone part by part, so that it needs the memory of one.

Everything after the backbone sees the whole batch: its maps are small beside what a backward pass
through the backbone holds. So each part goes forward, the maps are judged together, and each part
goes forward once more and backward, from the gradient of its map.

Shapes: B samples of this process, K parts, V views of a sample.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from ddag.machine import device
from ddag.machine.errors import require
from ddag.machine.sharing import ALONE, Share
from ddag.methods.method import Method
from ddag.training.learner import Learner
from ddag.training.scaling import Scaled, multiplied
from ddag.training.update import Update, running_statistics


class Parted(NamedTuple):
    """How a batch falls into parts.

    Attributes:
        parts: K.
        views: of a sample, V.
    """

    parts: int
    views: int


def parted(method: Method[Any]) -> Optional[Parted]:
    """How a batch falls into parts that go through the backbone one by one; None: it does not.

    Raises:
        InputError: it should, and this MindSpore takes no gradients by several maps.
    """
    count = method.settings.device.accumulate
    able = count == 1 or not device.VERSION.startswith("1.")
    lacking = f"MindSpore {device.VERSION} cannot take the gradients that needs; use MindSpore 2"
    require(able, "device.accumulate", count, lacking)
    return Parted(count, len(method.views)) if count > 1 else None


class _Judge(nn.Cell):
    """What a learner does after the backbone, to the maps of the parts."""

    def __init__(self, learner: Learner, parts: Parted) -> None:
        super().__init__(auto_prefix=False)
        self.learner = learner
        self.parts, self.views = parts

    def construct(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        shape = inputs[0].shape[1:]
        maps = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for part in range(self.parts):
            maps = maps + (inputs[part].reshape((self.views, -1) + shape),)
        whole = ops.stack(maps, 1).reshape((-1,) + shape)  # view by view
        return self.learner.judge(whole, *inputs[self.parts :])


class Judging(nn.Cell):
    """Losses of the whole batch, with the gradients of its maps and of the weights after them."""

    def __init__(self, learner: Learner, parameters: Sequence[Parameter], parts: Parted) -> None:
        """Args: parameters: those of the learner that come after the backbone."""
        super().__init__(auto_prefix=False)
        # A sub-cell, so that set_train reaches the network.
        self.judge = Scaled(_Judge(learner, parts))
        maps = tuple(range(1, 1 + parts.parts))
        self.value_and_grad = ops.value_and_grad(
            self.judge, maps, ParameterTuple(parameters), has_aux=True
        )

    def construct(self, scale: Tensor, *inputs: Tensor) -> tuple[Any, ...]:
        """Terms, the scaled gradient of each map, and those of the weights, not scaled.

        Args:
            scale: of the loss, a scalar.
            *inputs: the map of each part, ``(V * B / K, C, h, w)``, and what ``Learner.judge``
                takes beside a map.
        """
        terms, (of_maps, of_weights) = self.value_and_grad(scale, *inputs)
        inverse = 1 / scale
        return (terms[0] * inverse,) + terms[1:], of_maps, multiplied(of_weights, inverse)


class Backward(nn.Cell):
    """A part's gradients of the backbone's weights, added to those of the parts before it."""

    def __init__(self, backbone: nn.Cell, parameters: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.backbone = backbone
        self.parameters_moved = ParameterTuple(parameters)
        self.gradient = ops.GradOperation(get_by_list=True, sens_param=True)

    def construct(
        self, scale: Tensor, visible: Tensor, infrared: Tensor, of_map: Tensor, *sums: Tensor
    ) -> tuple[Tensor, ...]:
        """The sums with this part's gradients.

        Args:
            scale: by which ``of_map`` is too large.
            visible: of the part, as is the rest.
            infrared: its images.
            of_map: the gradient of its map.
            *sums: of the parts before, one for each weight.
        """
        found = self.gradient(self.backbone, self.parameters_moved)(visible, infrared, of_map)
        inverse = 1 / scale
        added = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for before, gradient in zip(sums, found):
            added = added + (before + gradient * inverse,)
        return added


class AccumulatingStep:
    """A step as ``Step`` takes it, for the backbone in parts."""

    def __init__(
        self,
        learner: Learner,
        optimizer: nn.Optimizer,
        *,
        parts: Parted,
        clip: Optional[float] = None,
        scaled: bool = False,
        share: Share = ALONE,
    ) -> None:
        """Take steps of a learner.

        Args:
            learner: see ``Trainer``, as is the optimiser.
            optimizer: of the learner.
            parts: of a batch; they divide B.
            clip: see ``Step``.
            scaled: see ``Gradients``.
            share: of this process.
        """
        self._count, self._views = parts
        self._scale = () if scaled else (Tensor(1.0, ms.float32),)
        self._backbone = learner.network.backbone
        own = {each.name for each in self._backbone.get_parameters()}
        self._is_inside = [each.name in own for each in optimizer.parameters]
        inside, after = (
            [each for each, inside in zip(optimizer.parameters, self._is_inside) if inside is side]
            for side in (True, False)
        )
        self._zeros = [Tensor(np.zeros(each.shape, np.float32)) for each in inside]
        self._statistics = running_statistics(self._backbone)
        self._judging = Judging(learner, after, parts)
        self._backward = Backward(self._backbone, inside)
        self._update = Update(learner, optimizer, clip=clip, share=share)

    def set_train(self, mode: bool) -> None:
        """As a cell's."""
        self._judging.set_train(mode)
        self._backward.set_train(mode)

    def compile_for(self, *inputs: Tensor) -> None:
        """Compile all but the update ahead of the first step; ``inputs`` as of a step."""
        scale, visible, infrared, *rest = self._scale + inputs
        images = self._parted(visible, infrared)[0]
        device.compile(self._backbone, *images)
        with self._keeping_statistics():
            feature_map = self._backbone(*images)
        device.compile(self._judging, scale, *[feature_map] * self._count, *rest)
        device.compile(self._backward, scale, *images, feature_map, *self._zeros)

    def __call__(self, *inputs: Tensor) -> tuple[Any, ...]:
        """As of ``Step.construct``."""
        scale, visible, infrared, *rest = self._scale + inputs
        parts = self._parted(visible, infrared)
        maps = [self._backbone(*images) for images in parts]
        terms, of_maps, after = self._judging(scale, *maps, *rest)
        inside = self._zeros
        with self._keeping_statistics():  # each part goes forward for the second time
            for images, of_map in zip(parts, of_maps):
                inside = self._backward(scale, *images, of_map, *inside)
        sides = {True: iter(inside), False: iter(after)}
        gradients = [next(sides[is_inside]) for is_inside in self._is_inside]
        loss, norms = self._update(terms[0], *gradients)
        return (loss,) + tuple(terms[1:]), norms

    @contextmanager
    def _keeping_statistics(self) -> Iterator[None]:
        """Have the backbone's running statistics afterwards as they were before."""
        before = [each.asnumpy().copy() for each in self._statistics]
        yield
        for parameter, value in zip(self._statistics, before):
            ops.assign(parameter, Tensor(value))

    def _parted(self, visible: Tensor, infrared: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each part's images of both modalities, of all views of its samples."""
        samples = (visible.shape[0] + infrared.shape[0]) // self._views
        sides = (self._split(each.asnumpy(), samples) for each in (visible, infrared))
        return list(zip(*sides))

    def _split(self, images: np.ndarray, samples: int) -> list[Tensor]:
        """Each part's of the images of some views, which stand view by view.

        Cut by NumPy: a graph that is handed pieces that MindSpore has cut from a tensor outside of
        it, which share that one's memory, damages the heap (MindSpore 2.8, CPU).
        """
        apart = images.reshape(-1, self._count, samples // self._count, *images.shape[1:])
        parts = (apart[:, part].reshape(-1, *images.shape[1:]) for part in range(self._count))
        return [Tensor(np.ascontiguousarray(each)) for each in parts]
