"""Losses of one image at a time: how likely its own identity is.

Shapes: N images in the batch, I identities.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, ops


def cross_entropy(logits: Tensor, identities: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy.

    Args:
        logits: ``(N, I)``.
        identities: ``(N,)`` int32.
        smoothing: as of ``negative_log_likelihood``.
    """
    return negative_log_likelihood(ops.log_softmax(logits, -1), identities, smoothing)


def negative_log_likelihood(
    log_probabilities: Tensor, identities: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Mean of minus the log-probability of each image's own identity.

    Args:
        log_probabilities: ``(N, I)``.
        identities: ``(N,)`` int32.
        smoothing: share of the target that all identities get alike, 1 / I each.

    Source: smoothing of Szegedy et al., arXiv:1512.00567, Sec. 7.
    """
    count = log_probabilities.shape[1]
    own, other = 1 - smoothing + smoothing / count, smoothing / count
    picked = ops.one_hot(identities, count, Tensor(own, ms.float32), Tensor(other, ms.float32))
    return -(log_probabilities * picked).sum(1).mean()


def agreement(logits: Tensor, taught_by: Tensor) -> Tensor:
    """Mean cross-entropy of what one view of an image says with what another says of it.

    Args:
        logits: ``(B, I)``, of the view that learns.
        taught_by: ``(B, I)``, of the other view of the same images; it gets no gradient.

    Source:
        Ye et al., TPAMI 2023 (CAJ+), as their release computes it.
    """
    wanted = ops.stop_gradient(ops.softmax(taught_by, -1))
    return -(wanted * ops.log_softmax(logits, -1)).sum(1).mean()
