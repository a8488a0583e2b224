"""Other ways to compute a convolution of small maps: the same sums, laid out otherwise.

On a CPU MindSpore has oneDNN convolve plain layouts image by image. On maps of a few places that
reads all weights for each image, so a product over the whole batch might be faster. Each way stands
in for ``ddag.model.backbone.convolution`` where it can, and the backbone takes turns with itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from benchmarks import report
from benchmarks.graph import Square
from benchmarks.report import Row
from benchmarks.step import Size, absolute, contestants
from benchmarks.turns import Turn, ratio, take_turns
from ddag.machine import device
from ddag.model import backbone
from ddag.model.backbone import TwoStreamResNet, with_border

WIDE = 256  # channels from which the maps are small
TARGET = 1.3  # as fast


def shifted(x: Tensor) -> Tensor:
    """``(B, H, W, C)`` to ``(B H W, 9 C)``: each place with its neighbours."""
    batch, height, width, channels = x.shape
    row = ops.zeros((batch, 1, width, channels), x.dtype)
    x = ops.concat((row, x, row), 1)
    column = ops.zeros((batch, height + 2, 1, channels), x.dtype)
    x = ops.concat((column, x, column), 2)
    taps = []
    for down in range(3):
        for right in range(3):
            tap = x[:, down : down + height, right : right + width, :]
            taps.append(ops.reshape(tap, (batch * height * width, channels)))
    return ops.concat(tuple(taps), 1)


class Product(nn.Cell):
    """A 3x3 convolution as one matrix product; its gradient is MindSpore's."""

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        outputs = weight.shape[0]
        places = shifted(ops.transpose(x, (0, 2, 3, 1)))
        flat = ops.reshape(ops.transpose(weight, (2, 3, 1, 0)), (9 * channels, outputs))
        out = ops.reshape(ops.matmul(places, flat), (batch, height, width, outputs))
        return ops.transpose(out, (0, 3, 1, 2))


class ProductWithGradient(Product):
    """The same, its gradient two products of the same kind instead of nine slices' gradients."""

    def bprop(
        self, x: Tensor, weight: Tensor, out: Tensor, gradient: Tensor
    ) -> tuple[Tensor, Tensor]:
        batch, channels, height, width = x.shape
        outputs = weight.shape[0]
        gradient = ops.transpose(gradient, (0, 2, 3, 1))
        flat = ops.reshape(gradient, (batch * height * width, outputs))
        of_weight = ops.matmul(flat.T, shifted(ops.transpose(x, (0, 2, 3, 1))))
        of_weight = ops.transpose(ops.reshape(of_weight, (outputs, 3, 3, channels)), (0, 3, 1, 2))
        turned = ops.transpose(ops.flip(weight, (2, 3)), (2, 3, 0, 1))
        of_x = ops.matmul(shifted(gradient), ops.reshape(turned, (9 * outputs, channels)))
        of_x = ops.reshape(of_x, (batch, height, width, channels))
        return ops.transpose(of_x, (0, 3, 1, 2)), of_weight


class OneMap(nn.Cell):
    """A 3x3 convolution of all images side by side in one map, with zeros between them."""

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        line = ops.reshape(
            ops.transpose(with_border(x), (1, 2, 0, 3)), (1, channels, height + 2, -1)
        )
        out = ops.Conv2D(weight.shape[0], 3)(line, weight)
        end = ops.zeros((1, weight.shape[0], height, 2), x.dtype)
        out = ops.reshape(ops.concat((out, end), 3), (-1, height, batch, width + 2))
        return ops.transpose(out[:, :, :, :width], (2, 0, 1, 3))


class PointProduct(nn.Cell):
    """A 1x1 convolution as one matrix product."""

    def construct(self, x: Tensor, weight: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        outputs = weight.shape[0]
        places = ops.reshape(ops.transpose(x, (1, 0, 2, 3)), (channels, batch * height * width))
        out = ops.matmul(ops.reshape(weight, (outputs, channels)), places)
        return ops.transpose(ops.reshape(out, (outputs, batch, height, width)), (1, 0, 2, 3))


class Laid(nn.Cell):
    """A convolution's weight, and the way in which it is applied."""

    def __init__(self, way: nn.Cell, shape: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.way = way
        self.weight = Parameter(Tensor(np.zeros(shape, np.float32)), name="weight")

    def construct(self, x: Tensor) -> Tensor:
        return self.way(x, self.weight)


# By name: the network that it is tried on, the kernel it stands in for, from how many channels.
WAYS: dict[str, tuple[str, int, int, Callable[[], nn.Cell]]] = {
    "3x3 as a matrix product": ("resnet18", 3, WIDE, Product),
    "3x3 as a matrix product, its gradient written out": (
        "resnet18", 3, WIDE, ProductWithGradient),
    "3x3 of all images in one map": ("resnet18", 3, WIDE, OneMap),
    "1x1 as a matrix product": ("resnet50", 1, 1, PointProduct),
}  # fmt: skip


def passes(name: str, way: str, images: int, height: int) -> Turn:
    """Forward and backward pass of a backbone; a turn gives its first layer's gradient.

    Args:
        name: of the backbone.
        way: a key of ``WAYS``, or empty for MindSpore's convolutions.
        images: of each modality.
        height: of an image, twice its width, pixels.
    """
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    plain = backbone.convolution

    def laid(inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1) -> nn.Cell:
        if way:
            _, of, least, kind = WAYS[way]
            if kernel == of and stride == 1 and inputs >= least:
                return Laid(kind(), (outputs, inputs, kernel, kernel))
        return plain(inputs, outputs, kernel=kernel, stride=stride)

    backbone.convolution = laid
    try:
        network = TwoStreamResNet(name).set_train()
    finally:
        backbone.convolution = plain
    generator = np.random.default_rng(0)
    for parameter in network.trainable_params():
        if parameter.ndim == 4:
            spread = (2 / np.prod(parameter.shape[1:])) ** 0.5
            values = spread * generator.standard_normal(parameter.shape, np.float32)
            parameter.set_data(Tensor(values.astype(np.float32)))
    pair = [
        Tensor(generator.standard_normal((images, 3, height, height // 2), np.float32))
        for _ in range(2)
    ]
    gradient = ops.grad(Square(network), None, network.trainable_params())
    return lambda: gradient(*pair)[0].asnumpy()


def measure(images: int = 16, height: int = 96, rounds: int = 5) -> list[Row]:
    """Small images: a step of ResNet-18, 16 + 16 of 96 x 48; convolutions laid out otherwise"""
    size = Size("resnet18", height, height // 2, identities=images, images=1)
    sides = {
        name: prepare for name, prepare in contestants(size).items() if name != "bare MindSpore"
    }
    taken = take_turns(sides, rounds=rounds)
    rows = [absolute(name, each) for name, each in taken.items()]
    rows += [
        Row(f"framework / {name}", f"{ratio(taken['framework'], each):.3g}")
        for name, each in taken.items()
        if name != "framework"
    ]
    for way, (name, *_) in WAYS.items():
        times = take_turns(
            {each: partial(passes, name, each, images, height) for each in ("", way)},
            rounds=rounds,
        )
        faster = ratio(times[""], times[way])
        rows.append(Row.at_least(f"{name}, {way}: times as fast", faster, TARGET))
    return rows


if __name__ == "__main__":
    report.run("convolutions", measure)
