"""CGSA, cross-modality graph-structured attention (Ye et al., ECCV 2020, Sec. 3.3).

Shapes: N images of one batch, both modalities; C channels in, K heads, F features a head.
"""

from __future__ import annotations

from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

# The authors' score of a missing edge: added to any score it leaves a softmax of zero.
NO_EDGE = -9e15
# ELU's gradient is its value + 1: below this it is less than a thousandth.
NEAR_FLOOR = -0.999


class DropoutMasks(NamedTuple):
    """Dropout of one training step, drawn outside the network: 0 or 1 / (1 - rate), float32.

    Masks are inputs so that a training is repeatable from a generator that a checkpoint can hold:
    MindSpore does not rewind its own dropout.
    """

    features: np.ndarray  # (N, C), the pooled features
    heads: np.ndarray  # (K, N, N), attention of the first layer
    hidden: np.ndarray  # (N, K * F), the concatenated heads
    output: np.ndarray  # (1, N, N), attention of the second layer


def draw_masks(
    generator: np.random.Generator,
    rate: float,
    *,
    nodes: int,
    channels: int,
    heads: int,
    hidden: int,
) -> DropoutMasks:
    """Masks that drop each entry with probability ``rate`` and keep the mean.

    Args:
        nodes: images in a batch, N.
        hidden: features a head, F.
    """
    shapes = ((nodes, channels), (heads, nodes, nodes), (nodes, heads * hidden), (1, nodes, nodes))
    scale = np.float32(1 / (1 - rate))
    return DropoutMasks(
        *((generator.random(shape, np.float32) >= rate) * scale for shape in shapes)
    )


def lone_graph(identities: Tensor) -> Tensor:
    """Each image has an edge with itself alone: a control, graph attention without a graph.

    Arguments and result as of ``identity_graph``.
    """
    return ops.eye(identities.shape[0], identities.shape[0], ms.float32)


def identity_graph(identities: Tensor) -> Tensor:
    """Which images share an edge: one identity, whatever the modality; each has one with itself.

    Args:
        identities: ``(N,)`` int32.

    Returns:
        ``(N, N)`` float32, 1 for an edge, else 0.
    """
    same = ops.equal(identities.expand_dims(1), identities.expand_dims(0))
    return same.astype(ms.float32)


class GraphAttention(nn.Cell):
    """One graph-attention layer of K heads, followed by ELU.

    e_ij = LeakyReLU(a^T [W x_i || W x_j]), softmax over the neighbours j, then their weighted sum.
    a^T [p || q] is computed as a1^T p + a2^T q, which spares a tensor of N x N x 2F.

    Source: Velickovic et al., arXiv:1710.10903, Eq. (1) to (5); DDAG, Eq. (6) and (7).
    """

    def __init__(self, channels: int, features: int, *, heads: int) -> None:
        super().__init__()
        self.features = features
        self.weight = Parameter(Tensor(np.zeros((heads, channels, features), np.float32)), "weight")
        self.attention = Parameter(
            Tensor(np.zeros((heads, 2 * features, 1), np.float32)), "attention"
        )
        self.leaky_relu = nn.LeakyReLU(0.2)
        self.elu = nn.ELU()

    def construct(self, nodes: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        """New features of every node.

        Args:
            nodes: ``(N, C)``.
            edges: ``(N, N)`` float32, 1 for an edge, else 0.
            mask: ``(K, N, N)`` dropout of the attention.

        Returns:
            ``(N, K * F)``.
        """
        hidden = ops.matmul(nodes, self.weight)  # (K, N, F)
        source = ops.matmul(hidden, self.attention[:, : self.features])  # (K, N, 1)
        target = ops.matmul(hidden, self.attention[:, self.features :])  # (K, N, 1)
        scores = self.leaky_relu(source + target.transpose(0, 2, 1))  # (K, N, N)
        scores = scores + (1 - edges) * NO_EDGE
        attended = ops.matmul(ops.softmax(scores, -1) * mask, hidden)  # (K, N, F)
        attended = attended.transpose(1, 0, 2)  # (N, K, F)
        return self.elu(attended.reshape(attended.shape[0], -1))


def on_floor(scores: Tensor) -> Tensor:
    """Share of what ELU gave that lies at its floor of -1, where it has no gradient, scalar."""
    return (scores < NEAR_FLOOR).astype(ms.float32).mean()


class GraphBranch(nn.Cell):
    """Class scores of every image from the images it shares an edge with."""

    def __init__(
        self, channels: int, *, hidden: int, heads: int, classes: int, lone: bool = False
    ) -> None:
        """Args: lone: every image by itself, ``lone_graph``."""
        super().__init__()
        self.lone = lone
        self.first = GraphAttention(channels, hidden, heads=heads)
        self.second = GraphAttention(heads * hidden, classes, heads=1)

    def construct(
        self,
        nodes: Tensor,
        identities: Tensor,
        features: Tensor,
        heads: Tensor,
        hidden: Tensor,
        output: Tensor,
    ) -> Tensor:
        """Scores of each class, -1 or more, ``(N, classes)``.

        Args:
            nodes: ``(N, C)``, a feature of each image.
            identities: ``(N,)`` int32.
            features: see ``DropoutMasks``, as are the other three.
            heads: ``(K, N, N)``.
            hidden: ``(N, K * F)``.
            output: ``(1, N, N)``.
        """
        edges = lone_graph(identities) if self.lone else identity_graph(identities)
        x = self.first(nodes * features, edges, heads)
        return self.second(x * hidden, edges, output)
