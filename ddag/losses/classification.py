"""Losses of one image at a time: how likely its own identity is.

Shapes: N images in the batch, I identities.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, ops


def cross_entropy(logits: Tensor, identities: Tensor) -> Tensor:
    """Mean cross-entropy.

    Args:
        logits: ``(N, I)``.
        identities: ``(N,)`` int32.
    """
    return negative_log_likelihood(ops.log_softmax(logits, -1), identities)


def negative_log_likelihood(log_probabilities: Tensor, identities: Tensor) -> Tensor:
    """Mean of minus the log-probability of each image's own identity.

    Args:
        log_probabilities: ``(N, I)``.
        identities: ``(N,)`` int32.
    """
    picked = ops.one_hot(
        identities, log_probabilities.shape[1], Tensor(1, ms.float32), Tensor(0, ms.float32)
    )
    return -(log_probabilities * picked).sum(1).mean()
