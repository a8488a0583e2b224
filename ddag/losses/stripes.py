"""The loss of the hetero-centre triplet method: what each stripe says, and all of them together.

Shapes: N images in the batch, both modalities; P stripes, W features of a stripe, I identities.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from typing import Any

from mindspore import Tensor

from ddag.losses.classification import cross_entropy
from ddag.losses.objective import Objective, Outputs, total


class StripeObjective(Objective):
    """total = identity losses + triplet loss of all stripes' features + w * those of each stripe.

    The identity loss and the triplet loss of the stripes are sums over them.

    Source: Liu, Tan, Zhou, TMM 2020, and the authors' release, see ``methods/hct.py``.
    """

    def __init__(self, *, stripes: int, weight: float, **shared: Any) -> None:
        """Build the objective.

        Args:
            stripes: P.
            weight: of the stripes' triplet losses, w.
            **shared: see ``Objective``.
        """
        super().__init__(**shared)
        self.stripes, self.weight = stripes, weight
        self.terms = self.terms + ("loss_triplet_stripes",) * self.has_triplet

    def construct(self, outputs: Outputs, identities: Tensor, modalities: Tensor) -> Outputs:
        """Scalars in the order of ``terms``.

        Args:
            outputs: of the network: features ``(N, P * W)`` and logits ``(N, P, I)``.
            identities: ``(N,)`` int32.
            modalities: ``(N,)`` int32, 0 for visible, 1 for infrared.
        """
        losses = self.shared_losses(outputs, identities, modalities)
        if not self.has_triplet:
            return (total(losses),) + losses
        stripes = outputs[0].reshape(outputs[0].shape[0], self.stripes, -1)  # (N, P, W)
        of_stripes = self.triplet_loss(stripes[:, 0], identities, modalities)
        for place in range(1, self.stripes):
            loss = self.triplet_loss(stripes[:, place], identities, modalities)
            of_stripes = of_stripes + loss
        return (total(losses + (self.weight * of_stripes,)),) + losses + (of_stripes,)

    def identity_loss(self, logits: Tensor, identities: Tensor) -> Tensor:
        """The sum over the stripes; ``logits`` ``(N, P, I)``."""
        loss = cross_entropy(logits[:, 0], identities, self.smoothing)
        for place in range(1, self.stripes):
            loss = loss + cross_entropy(logits[:, place], identities, self.smoothing)
        return loss
