"""IWPA, intra-modality weighted-part attention (Ye et al., ECCV 2020, Sec. 3.2).

Shapes: B images, C channels, h x w map, P parts (horizontal stripes).
"""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ddag.model.pooling import pool_stripes


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


class PartAttention(nn.Cell):
    """Stripes of the map attend to each other and refine the global feature.

    Source: Eq. (2) to (5) of the paper. Its 1x1 convolutions of P stripes are dense layers here.
    """

    def __init__(self, channels: int, *, part: int, rows: int) -> None:
        """Args: rows: of the map, h."""
        super().__init__()
        self.query = nn.Dense(channels, channels, weight_init="zeros")
        self.key = nn.Dense(channels, channels, weight_init="zeros")
        self.value = nn.Dense(channels, channels, weight_init="zeros")
        self.gate = Parameter(Tensor(np.full(part, 1 / part, np.float32)), name="gate")
        self.bottleneck = nn.BatchNorm1d(channels, eps=1e-5, momentum=0.9)
        self.bottleneck.beta.requires_grad = False  # as the authors freeze it
        self.bins = Tensor(adaptive_bins(rows, part))

    def construct(self, feature_map: Tensor, feat: Tensor) -> Tensor:
        """Refined feature.

        Args:
            feature_map: ``(B, C, h, w)``.
            feat: ``(B, C)``, the global feature after the network's bottleneck.

        Returns:
            ``(B, C)``.
        """
        stripes = self.stripes(feature_map)  # (B, P, C)
        attended = ops.matmul(self.attention(stripes), self.value(stripes))  # (B, P, C)
        weights = ops.softmax(self.gate, 0).reshape(1, -1, 1)
        return self.bottleneck((attended * weights).sum(1) + feat)

    def stripes(self, feature_map: Tensor) -> Tensor:
        """Mean of each part of ``(B, C, h, w)``, ``(B, P, C)``."""
        return pool_stripes(feature_map, self.bins)

    def attention(self, stripes: Tensor) -> Tensor:
        """How much each stripe looks at each other, ``(B, P, P)``; a row sums to 1."""
        similarity = ops.matmul(self.query(stripes), self.key(stripes).transpose(0, 2, 1))
        return ops.softmax(similarity, -1)
