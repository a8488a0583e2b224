"""The counterpart in ONNX of each cell of ``model/``: the same arithmetic on a map or on vectors.

A cell is written by the function that is registered for its type; whoever brings a cell of their
own registers another, by ``@write.register``.

Shapes: B images, C channels, h x w map, P parts, D inner channels.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, cast

import numpy as np
from mindspore import nn

from ddag.export.graph import Graph, Value
from ddag.machine.errors import InputError
from ddag.model.backbone import BasicBlock, Bottleneck, Stages, Stream
from ddag.model.non_local import NonLocal
from ddag.model.pooling import EPSILON
from ddag.model.stripes import Stripe


@singledispatch
def write(cell: Any, graph: Graph, x: Value) -> Value:
    """What the cell makes of ``x`` in evaluation, added to the graph.

    Raises:
        InputError: nobody has said how such a cell is written.
    """
    raise InputError(
        f"job.format=onnx: there is no ONNX of {type(cell).__name__}; register one in"
        " ddag.export.cells, or use job.format=mindir"
    )


@write.register
def _(cell: nn.Conv2d, graph: Graph, x: Value) -> Value:
    (height, width), (down, right) = cell.kernel_size, cell.stride
    around = cell.padding if cell.pad_mode == "pad" else 0
    unlike = cell.pad_mode == "same" and (height, width) != (1, 1)
    if unlike or not isinstance(around, int):
        raise InputError(
            f"job.format=onnx: a convolution is padded by pad_mode={cell.pad_mode}, which has no"
            ' counterpart; pad it by pad_mode="pad", or use job.format=mindir'
        )
    rows = (x.shape[1] + 2 * around - height) // down + 1
    columns = (x.shape[2] + 2 * around - width) // right + 1
    weights = [array(cell.weight), *([array(cell.bias)] if cell.has_bias else [])]
    shape = (cell.out_channels, rows, columns)
    return graph.add(
        "Conv", x, *weights, shape=shape, strides=[down, right], pads=[around] * 4
    )  # fmt: skip


@write.register(nn.BatchNorm1d)
@write.register(nn.BatchNorm2d)
def _(cell: nn.Cell, graph: Graph, x: Value) -> Value:
    values = (cell.gamma, cell.beta, cell.moving_mean, cell.moving_variance)
    arrays = [array(each) for each in values]
    return graph.add("BatchNormalization", x, *arrays, shape=x.shape, epsilon=float(cell.eps))


@write.register
def _(cell: nn.Dense, graph: Graph, x: Value) -> Value:
    out = matmul(graph, x, array(cell.weight).T)
    return graph.add("Add", out, array(cell.bias), shape=out.shape) if cell.has_bias else out


@write.register
def _(cell: nn.ReLU, graph: Graph, x: Value) -> Value:
    return graph.add("Relu", x, shape=x.shape)


@write.register
def _(cell: nn.Identity, graph: Graph, x: Value) -> Value:
    return x


@write.register
def _(cell: nn.SequentialCell, graph: Graph, x: Value) -> Value:
    return chain(graph, x, *cell)


@write.register
def _(cell: BasicBlock, graph: Graph, x: Value) -> Value:
    out = chain(graph, x, cell.conv1, cell.bn1, cell.relu, cell.conv2, cell.bn2)
    return _joined(cell, graph, x, out)


@write.register
def _(cell: Bottleneck, graph: Graph, x: Value) -> Value:
    out = chain(graph, x, cell.conv1, cell.bn1, cell.relu, cell.conv2, cell.bn2, cell.relu)
    return _joined(cell, graph, x, chain(graph, out, cell.conv3, cell.bn3))


@write.register
def _(cell: Stages, graph: Graph, x: Value) -> Value:
    return chain(graph, x, cell.layer1, cell.layer2, cell.layer3, cell.layer4)


@write.register
def _(cell: Stream, graph: Graph, x: Value) -> Value:
    x = chain(graph, x, cell.conv1, cell.bn1, cell.relu)
    channels, h, w = x.shape
    shape = (channels, (h + 1) // 2, (w + 1) // 2)
    x = graph.add("MaxPool", x, shape=shape, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    return chain(graph, x, cell.layer1, cell.layer2, cell.layer3, cell.layer4)


@write.register
def _(cell: NonLocal, graph: Graph, x: Value) -> Value:
    _, h, w = x.shape
    flat = (cell.inner, h * w)
    theta, phi, g = (
        reshape(graph, write(each, graph, x), flat) for each in (cell.theta, cell.phi, cell.g)
    )  # (B, D, n)
    seen = matmul(graph, g, transpose(graph, phi))  # (B, D, D)
    seen = graph.add("Div", seen, h * w, shape=seen.shape)
    y = reshape(graph, matmul(graph, seen, theta), (cell.inner, h, w))
    out = chain(graph, y, cell.out, cell.norm)
    return graph.add("Add", out, x, shape=x.shape)


@write.register
def _(cell: Stripe, graph: Graph, x: Value) -> Value:
    return chain(graph, x, cell.embedding, cell.bn1, cell.relu)


def chain(graph: Graph, x: Value, *cells: nn.Cell) -> Value:
    """``x`` through one cell after another."""
    for cell in cells:
        x = write(cell, graph, x)
    return x


def pool_stripes(graph: Graph, x: Value, bins: np.ndarray, exponent: int) -> Value:
    """Means over stripes, ``(B, C, h, w)`` to ``(B, P, C)``: see ``model.pooling``.

    Args:
        graph: to be added to.
        x: the map.
        bins: ``(h, P)``, the weight of each row in each stripe.
        exponent: of the generalised mean.
    """
    channels, h, w = x.shape
    if exponent != 1:
        x = graph.add("Pow", x, exponent, shape=x.shape)
    places = (np.repeat(bins, w, axis=0) / w).astype(np.float32)  # (h * w, P)
    means = matmul(graph, reshape(graph, x, (channels, h * w)), places)  # (B, C, P)
    if exponent != 1:
        means = graph.add("Add", means, EPSILON, shape=means.shape)
        means = graph.add("Pow", means, 1 / exponent, shape=means.shape)
    return transpose(graph, means)


def pool(graph: Graph, x: Value, exponent: int) -> Value:
    """Mean over the map, ``(B, C, h, w)`` to ``(B, C)``."""
    channels, h, _ = x.shape
    even = np.full((h, 1), 1 / h, np.float32)
    return reshape(graph, pool_stripes(graph, x, even, exponent), (channels,))


def matmul(graph: Graph, one: Value, other: Any) -> Value:
    """Product of matrices, or of vectors with a matrix."""
    return graph.add("MatMul", one, other, shape=(*one.shape[:-1], other.shape[-1]))


def reshape(graph: Graph, x: Value, shape: tuple[int, ...]) -> Value:
    """The same numbers in another shape, without B."""
    return graph.add("Reshape", x, np.array([-1, *shape], np.int64), shape=shape)


def transpose(graph: Graph, x: Value) -> Value:
    """The last two of three dimensions exchanged."""
    rows, columns = x.shape
    return graph.add("Transpose", x, shape=(columns, rows), perm=[0, 2, 1])


def unit_length(graph: Graph, x: Value, *, least: float = 0.0, added: float = 0.0) -> Value:
    """Vectors over their lengths.

    Args:
        graph: to be added to.
        x: vectors, along the last dimension.
        least: that the square of a length counts as.
        added: to that square.
    """
    shape = (*x.shape[:-1], 1)
    square = graph.add("ReduceSumSquare", x, shape=shape, axes=[-1], keepdims=1)
    bounded = graph.add("Max", square, least, shape=shape)
    length = graph.add("Sqrt", graph.add("Add", bounded, added, shape=shape), shape=shape)
    return graph.add("Div", x, length, shape=x.shape)


def array(parameter: Any) -> np.ndarray:
    """The values of a parameter or a tensor, float32."""
    return cast(np.ndarray, parameter.asnumpy().astype(np.float32))


def _joined(cell: Any, graph: Graph, x: Value, out: Value) -> Value:
    """A block's shortcut and what it adds to that."""
    if cell.has_shortcut:
        x = write(cell.downsample, graph, x)
    return write(cell.relu, graph, graph.add("Add", out, x, shape=out.shape))
