"""Losses that compare the images of a batch with each other.

Shapes: N images in the batch, both modalities; C channels.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from ddag.model.graph import identity_graph

WEIGHT_FLOOR = 1e-6  # in the denominators of the weighted triplet losses
LARGEST_SQUARE = 88.0  # the exponential of more is no float32


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


def center_triplet(
    features: Tensor, identities: Tensor, modalities: Tensor, margin: float
) -> Tensor:
    """Batch-hard triplet loss of the centres of each identity in each modality.

    Args:
        features: ``(N, C)``.
        identities: ``(N,)`` int32.
        modalities: ``(N,)`` int32, 0 for visible, 1 for infrared.
        margin: gap asked for, in the units of ``features``.

    Returns:
        Scalar mean over the images' centres. Where every identity has as many images in the batch
        as any other, this is the mean over the centres.

    Source:
        Zhu et al., arXiv:1910.11417 (hetero-centre loss), in the form of a batch-hard triplet.
    """
    members = identity_graph(identities) * identity_graph(modalities)  # (N, N)
    centers = ops.matmul(members / members.sum(1, keepdims=True), features)  # (N, C)
    return batch_hard_triplet(centers, identities, margin)


def weighted_triplet(features: Tensor, identities: Tensor) -> Tensor:
    """Weighted regularised triplet loss: every pair counts, hard ones the most; no margin.

    Args:
        features: ``(N, C)``, not normalised.
        identities: ``(N,)`` int32.

    Returns:
        Scalar mean over the images of log(1 + exp(their excess)), see ``_excess``.

    Source:
        Ye et al., TPAMI 2021 (AGW), as their release computes it.
    """
    return ops.Softplus()(_excess(features, identities)).mean()


def squared_weighted_triplet(features: Tensor, identities: Tensor) -> Tensor:
    """The weighted triplet loss of the squared excess, which weighs outliers more.

    Args:
        features: as of ``weighted_triplet``.
        identities: ``(N,)`` int32.

    Returns:
        Scalar mean over the images of log(1 + exp(s)) where the excess is above 0 and of
        log(1 + exp(-s)) elsewhere, s its square, at most 88.

    Source:
        Ye et al., "Channel Augmented Joint Learning", ICCV 2021, and the release.
    """
    excess = _excess(features, identities)  # (N,)
    square = ops.minimum(excess * excess, LARGEST_SQUARE)
    return ops.Softplus()(ops.select(excess > 0, square, -square)).mean()


def _excess(features: Tensor, identities: Tensor) -> Tensor:
    """By how much an image's weighted positive distance exceeds its weighted negative one.

    An image's positives, itself among them, are weighed by a softmax of their distances, its
    negatives by a softmax of minus theirs. ``WEIGHT_FLOOR`` in the denominator is the release's and
    not cosmetic: of negatives far away it pulls the weights, and so their sum, towards 0.

    Args:
        features: ``(N, C)``.
        identities: ``(N,)`` int32.

    Returns:
        ``(N,)``.
    """
    distance = pairwise_distance(features)  # (N, N)
    same = identity_graph(identities)
    other = 1 - same
    positive = distance * same
    # Less the row's maximum, so that nothing overflows; the negatives' is 0, of the positives.
    near = ops.exp(positive - ops.amax(positive, 1).expand_dims(1)) * same
    far = ops.exp(-distance * other) * other
    near_sum = near.sum(1) + WEIGHT_FLOOR
    far_sum = far.sum(1) + WEIGHT_FLOOR
    return (near * distance).sum(1) / near_sum - (far * distance).sum(1) / far_sum
