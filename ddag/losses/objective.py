"""Identity, triplet, part and graph losses of one batch, and their sum.

Shapes: N images in the batch (both modalities), C channels, I identities.
"""

from __future__ import annotations

from typing import Callable

import mindspore as ms
from mindspore import Tensor, nn, ops

from ddag.model.graph import identity_graph
from ddag.model.network import DDAG

TERMS = ("loss", "loss_id", "loss_triplet", "loss_part", "loss_graph")

Triplet = Callable[[Tensor, Tensor, float], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy.

    Args:
        logits: ``(N, I)``.
        labels: ``(N,)`` int32.
    """
    return negative_log_likelihood(ops.log_softmax(logits, -1), labels)


def negative_log_likelihood(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Mean of minus the log-probability of each image's own class.

    Args:
        log_probabilities: ``(N, I)``.
        labels: ``(N,)`` int32.
    """
    picked = ops.one_hot(
        labels, log_probabilities.shape[1], Tensor(1, ms.float32), Tensor(0, ms.float32)
    )
    return -(log_probabilities * picked).sum(1).mean()


def pairwise_distance(features: Tensor) -> Tensor:
    """Euclidean distance of each pair, ``(N, C)`` to ``(N, N)``.

    The square is clamped at 1e-12 as in the authors' code: the root has no gradient at zero.
    """
    square = (features * features).sum(1, keepdims=True)  # (N, 1)
    product = ops.matmul(features, features.transpose(1, 0))
    return ops.sqrt(ops.maximum(square + square.transpose(1, 0) - 2 * product, 1e-12))


def batch_hard_triplet(features: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Hinge between each image's farthest positive and nearest negative.

    Args:
        features: ``(N, C)`` embeddings, any scale.
        identities: ``(N,)`` int32; the batch holds at least two identities.
        margin: gap asked for, in the units of ``features``.

    Returns:
        Scalar mean over the batch; 0 once every gap exceeds ``margin``.

    Source:
        Hermans et al., arXiv:1703.07737; the triplet term of DDAG.
    """
    distance = pairwise_distance(features)  # (N, N)
    same = identity_graph(identities)
    farthest_positive = ops.amax(distance * same, 1)
    # A same-identity pair is moved beyond every other distance, so that it is never the nearest.
    nearest_negative = ops.amin(distance + same * 1e9, 1)
    return ops.relu(farthest_positive - nearest_negative + margin).mean()


def center_triplet(features: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Batch-hard triplet loss of the centres of each identity in each modality.

    Args:
        features: ``(N, C)``, the visible half first.
        identities: ``(N,)`` int32, the same in both halves.
        margin: gap asked for, in the units of ``features``.

    Returns:
        Scalar mean over the images' centres. Every identity has as many images in the batch as
        any other, so this is the mean over the centres.

    Source:
        Zhu et al., arXiv:1910.11417 (hetero-centre loss), in the form of a batch-hard triplet.
    """
    half = identities.shape[0] // 2
    modality = ops.concat((ops.zeros((half,), ms.int32), ops.ones((half,), ms.int32)), 0)
    members = identity_graph(identities) * identity_graph(modality)  # (N, N)
    centers = ops.matmul(members / members.sum(1, keepdims=True), features)  # (N, C)
    return batch_hard_triplet(centers, identities, margin)


TRIPLETS: dict[str, Triplet] = {"hard": batch_hard_triplet, "center": center_triplet}


class BatchLoss(nn.Cell):
    """The network and its losses on one batch: what the training step differentiates.

    total = L_P + w * L_G, L_P = identity + triplet + part loss (Eq. (9) and (10) of DDAG).
    """

    def __init__(self, network: DDAG, *, kind: str, triplet: str, margin: float) -> None:
        """Args: kind: ``id``, ``tri`` or ``id+tri``; triplet: a key of ``TRIPLETS``."""
        super().__init__(auto_prefix=False)
        self.network = network
        self.has_id, self.has_triplet = "id" in kind, "tri" in kind
        self.triplet = TRIPLETS[triplet]
        self.margin = margin

    def construct(
        self,
        visible: Tensor,
        infrared: Tensor,
        identities: Tensor,
        graph_weight: Tensor,
        *masks: Tensor,
    ) -> tuple[Tensor, ...]:
        """Scalars in the order of ``TERMS``, 0 for a term that is off; the first is the total.

        Args:
            visible: ``(B, 3, H, W)``.
            infrared: ``(B, 3, H, W)``.
            identities: ``(B,)`` int32.
            graph_weight: scalar, w.
            *masks: see ``DDAG.construct``.
        """
        pooled, logits, part_logits, graph = self.network(visible, infrared, identities, *masks)
        labels = ops.concat((identities, identities), 0)
        zero = ops.zeros_like(graph_weight)
        loss_id = cross_entropy(logits, labels) if self.has_id else zero
        loss_triplet = self.triplet(pooled, labels, self.margin) if self.has_triplet else zero
        loss_part = cross_entropy(part_logits, labels) if self.network.has_part else zero
        loss_graph = negative_log_likelihood(graph, labels) if self.network.has_graph else zero
        total = loss_id + loss_triplet + loss_part + graph_weight * loss_graph
        return total, loss_id, loss_triplet, loss_part, loss_graph
