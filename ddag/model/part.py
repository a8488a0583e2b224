"""IWPA, intra-modality weighted-part attention (Ye et al., ECCV 2020, Sec. 3.2), and two variants.

Shapes: B images, C channels, h x w map, P parts (horizontal stripes).
"""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ddag.model.pooling import pool_stripes
from ddag.settings.choices import Attention

# Of unit-length queries and keys: an attention weight is at most e^4 times another.
TEMPERATURE = 0.5


def adaptive_bins(rows: int, part: int) -> np.ndarray:
    """Weights of each row in each part, ``(rows, part)`` float32; a column sums to 1.

    Part i averages the rows floor(i * rows / part) up to ceil((i + 1) * rows / part), as PyTorch's
    adaptive pooling does: where ``part`` does not divide ``rows`` neighbours share a row.
    """
    weights = np.zeros((rows, part), np.float32)
    for i in range(part):
        first, end = i * rows // part, -(-(i + 1) * rows // part)
        weights[first:end, i] = 1 / (end - first)
    return weights


class UniformParts(nn.Cell):
    """Every stripe looks at all stripes alike: the control that has IWPA's losses, no attention."""

    def __init__(self, channels: int, *, part: int, rows: int) -> None:
        """Args: rows: of the map, h."""
        super().__init__()
        self.value = nn.Dense(channels, channels, weight_init="zeros")
        self.gate = Parameter(Tensor(np.full(part, 1 / part, np.float32)), name="gate")
        self.bottleneck = nn.BatchNorm1d(channels, eps=1e-5, momentum=0.9)
        self.bottleneck.beta.requires_grad = False  # as the authors freeze it
        self.bins = Tensor(adaptive_bins(rows, part))

    def construct(self, feature_map: Tensor, feat: Tensor) -> tuple[Tensor, Tensor]:
        """Refined feature, and which part looked at which.

        Args:
            feature_map: ``(B, C, h, w)``.
            feat: ``(B, C)``, the global feature after the network's bottleneck.

        Returns:
            ``(B, C)`` and ``(B, P, P)``.
        """
        stripes = self.stripes(feature_map)  # (B, P, C)
        attention = self.attention(stripes)
        attended = ops.matmul(attention, self.value(stripes))  # (B, P, C)
        weights = ops.softmax(self.gate, 0).reshape(1, -1, 1)
        return self.bottleneck((attended * weights).sum(1) + feat), attention

    def stripes(self, feature_map: Tensor) -> Tensor:
        """Mean of each part of ``(B, C, h, w)``, ``(B, P, C)``."""
        return pool_stripes(feature_map, self.bins)

    def attention(self, stripes: Tensor) -> Tensor:
        """How much each stripe looks at each other, ``(B, P, P)``; a row sums to 1."""
        images, part, _ = stripes.shape
        return ops.ones((images, part, part), stripes.dtype) / part


class PartAttention(UniformParts):
    """IWPA as its authors have it: products of queries and keys.

    Source: Eq. (2) to (5) of the paper. Its 1x1 convolutions of P stripes are dense layers here.
    """

    def __init__(self, channels: int, *, part: int, rows: int) -> None:
        super().__init__(channels, part=part, rows=rows)
        self.query = nn.Dense(channels, channels, weight_init="zeros")
        self.key = nn.Dense(channels, channels, weight_init="zeros")

    def attention(self, stripes: Tensor) -> Tensor:
        """See ``UniformParts.attention``."""
        similarity = ops.matmul(self.query(stripes), self.key(stripes).transpose(0, 2, 1))
        return ops.softmax(similarity, -1)


class NormalisedPartAttention(UniformParts):
    """IWPA whose attention depends on the image.

    Pooled stripes are all positive and share a large mean, each position (head, trunk, legs) its
    own. That mean drives the paper's queries and keys into one direction, and the products of
    hundreds of channels make the softmax one-hot: all images then look at the same stripe. Here
    each position has a batch norm of its own, query and key have no bias and length 1.
    """

    def __init__(self, channels: int, *, part: int, rows: int) -> None:
        super().__init__(channels, part=part, rows=rows)
        self.norm = nn.BatchNorm1d(part * channels, eps=1e-5, momentum=0.9, affine=False)
        self.query = nn.Dense(channels, channels, weight_init="zeros", has_bias=False)
        self.key = nn.Dense(channels, channels, weight_init="zeros", has_bias=False)

    def attention(self, stripes: Tensor) -> Tensor:
        """See ``UniformParts.attention``."""
        images, part, channels = stripes.shape
        centred = self.norm(stripes.reshape(images, part * channels))
        centred = centred.reshape(images, part, channels)
        query, key = unit_length(self.query(centred)), unit_length(self.key(centred))
        return ops.softmax(ops.matmul(query, key.transpose(0, 2, 1)) / TEMPERATURE, -1)


ATTENTIONS: dict[Attention, type[UniformParts]] = {
    Attention.paper: PartAttention,
    Attention.normalised: NormalisedPartAttention,
    Attention.uniform: UniformParts,
}


def unit_length(vectors: Tensor) -> Tensor:
    """``(B, P, C)`` over the length of each row; a row of zeros stays."""
    return vectors / ops.sqrt((vectors * vectors).sum(-1, keepdims=True) + 1e-12)


def entropy(attention: Tensor) -> Tensor:
    """Mean entropy of the rows of ``(B, P, P)`` as a share of ln P: 0 one-hot, 1 all alike."""
    even = ops.ones_like(attention) / attention.shape[-1]
    return (_disorder(attention) / (_disorder(even) + 1e-12)).mean()


def _disorder(attention: Tensor) -> Tensor:
    """Entropy of each row in nats."""
    return -(attention * ops.log(attention + 1e-12)).sum(-1)


def spread(attention: Tensor) -> Tensor:
    """Standard deviation over images of each weight of ``(B, P, P)``, their mean."""
    centred = attention - attention.mean(0)
    return ops.sqrt((centred * centred).mean(0) + 1e-12).mean()
