"""Graph attention beside one that builds each pair of features, N x N x 2F."""

from __future__ import annotations

from functools import partial

import numpy as np
from mindspore import Tensor, nn, ops

from benchmarks import report
from benchmarks.report import Row
from benchmarks.turns import Turn, ratio, take_turns
from ddag.machine import device
from ddag.model.graph import NO_EDGE, GraphAttention, identity_graph

CHANNELS, FEATURES, HEADS = 2048, 512, 4


class AttentionOfPairs(GraphAttention):
    """a^T [h_i || h_j] as it is written."""

    def construct(self, nodes: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        hidden = ops.matmul(nodes, self.weight)  # (K, N, F)
        heads, count, features = hidden.shape
        shape = (heads, count, count, features)
        first = ops.broadcast_to(hidden.expand_dims(2), shape)
        second = ops.broadcast_to(hidden.expand_dims(1), shape)
        pairs = ops.concat((first, second), 3).reshape(heads, count * count, 2 * features)
        scores = ops.matmul(pairs, self.attention).reshape(heads, count, count)
        scores = self.leaky_relu(scores) + (1 - edges) * NO_EDGE
        attended = ops.matmul(ops.softmax(scores, -1) * mask, hidden)
        return self.elu(attended.transpose(1, 0, 2).reshape(count, -1))


class Square(nn.Cell):
    """Something to differentiate."""

    def __init__(self, layer: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.layer = layer

    def construct(self, *inputs: Tensor) -> Tensor:
        out = self.layer(*inputs)
        return (out * out).mean()


def attention(kind: type[GraphAttention], nodes: int) -> Turn:
    """Forward and backward pass of the first layer; a turn gives the gradient, ``(N, C)``."""
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    layer = kind(CHANNELS, FEATURES, heads=HEADS)
    generator = np.random.default_rng(0)
    for parameter in layer.get_parameters():
        values = generator.standard_normal(parameter.shape, np.float32)
        parameter.set_data(Tensor(0.02 * values))
    inputs = (
        Tensor(generator.standard_normal((nodes, CHANNELS), np.float32)),
        identity_graph(Tensor(np.arange(nodes, dtype=np.int32) // 8)),
        Tensor(np.ones((HEADS, nodes, nodes), np.float32)),
    )
    gradient = ops.grad(Square(layer), 0)
    return lambda: gradient(*inputs).asnumpy()


def measure(nodes: int = 64, large: int = 192, rounds: int = 5) -> list[Row]:
    """Graph attention against one that builds the N x N x 2F pairs of features"""
    ours, theirs = (attention(kind, nodes)() for kind in (GraphAttention, AttentionOfPairs))
    assert isinstance(ours, np.ndarray)
    assert isinstance(theirs, np.ndarray)
    apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    times = take_turns(
        {
            "framework": partial(attention, GraphAttention, large),
            "pairs": partial(attention, AttentionOfPairs, large),
        },
        rounds=rounds,
    )
    framework, pairs = times["framework"], times["pairs"]
    return [
        Row.at_most(f"gradients of {nodes} images, largest difference", apart, 1e-4),
        Row.at_most(f"time of {large} images, framework / pairs", ratio(framework, pairs), 1),
        Row(
            f"peak memory of {large} images",
            f"{framework.memory:.3g} GB, with pairs {pairs.memory:.3g} GB",
            "less",
            framework.memory < pairs.memory,
        ),
    ]


if __name__ == "__main__":
    report.run("graph", measure)
