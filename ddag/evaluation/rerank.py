"""k-reciprocal re-ranking: images are near that have neighbours in common.

Query and gallery together are N images. Each is described by its k-reciprocal neighbours, the
images that it has among its nearest and that have it among theirs, weighted by nearness. Two
images are as far apart as these descriptions differ (Jaccard), mixed with the plain distance.

Source: Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017,
as released: squared Euclidean distances, each row divided by its largest.
"""

# Q queries, G gallery images, N = Q + G, C channels, B rows of one block, K neighbours.
# A sparse (N, N) array has a cell only where two images have to do with each other.

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array  # type: ignore[import-untyped]

_BLOCK_CELLS = 1 << 21  # cells of an array that is made block by block, in memory at a time


def rerank(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> np.ndarray:
    """Distances after re-ranking.

    Memory grows with N * (C + k1 * k2) and Q * G, never with N * N.

    Args:
        query_features: ``(Q, C)``.
        gallery_features: ``(G, C)``.
        k1: nearest images among which neighbours must find each other; may exceed N.
        k2: nearest images whose descriptions are averaged into one's own.
        lambda_value: share of the plain distance in the sum, 0 to 1.

    Returns:
        ``(Q, G)`` float32, smaller is more alike; nan where a feature is no finite number.
    """
    features = np.concatenate((query_features, gallery_features)).astype(np.float64)
    queries = len(query_features)
    ranks, largest, plain = _rank(features, queries, depth=max(k1 + 1, k2))
    described = _describe(features, ranks, largest, k1=k1)
    if k2 > 1:  # local query expansion
        described = _linked(ranks[:, :k2]) @ described / min(k2, len(features))
    distance = plain
    by_column = described[queries:].T.tocsr()
    step = max(1, _BLOCK_CELLS // (plain.shape[1] * k1))
    for start in range(0, queries, step):
        rows = slice(start, min(start + step, queries))
        jaccard = _jaccard(described[rows], by_column)
        distance[rows] = jaccard * (1 - lambda_value) + plain[rows] * lambda_value
    return distance


def _rank(
    features: np.ndarray, queries: int, *, depth: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest images of each image, itself among them.

    Returns:
        ``(N, K)`` images by rising distance, K = min(depth, N); ``(N,)`` each one's largest
        squared distance; ``(Q, G)`` float32 squared distances divided by that.
    """
    count = len(features)
    depth = min(depth, count)
    ranks = np.empty((count, depth), np.int64)
    largest = np.empty(count)
    plain = np.empty((queries, count - queries), np.float32)
    for rows, square in _square_distances(features):
        # A network that sees no difference gives zeros; dividing them must not make nan.
        largest[rows] = np.maximum(square.max(axis=1), np.finfo(np.float64).tiny)
        square /= largest[rows, None]
        near = np.argpartition(square, depth - 1, axis=1)[:, :depth]
        order = np.lexsort((near, np.take_along_axis(square, near, axis=1)))
        ranks[rows] = np.take_along_axis(near, order, axis=1)
        own = plain[rows]
        own[:] = square[: len(own), queries:]
    return ranks, largest, plain


def _square_distances(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows, and their ``(B, N)`` squared Euclidean distances to all."""
    count = len(features)
    norms = np.einsum("nc,nc->n", features, features)
    step = max(1, _BLOCK_CELLS // count)
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        square = features[rows] @ features.T
        square *= -2
        square += norms[rows, None]
        square += norms
        np.maximum(square, 0, out=square)
        square[np.arange(len(square)), np.arange(rows.start, rows.stop)] = 0
        yield rows, square


def _describe(
    features: np.ndarray, ranks: np.ndarray, largest: np.ndarray, *, k1: int
) -> csr_array:
    """Sparse ``(N, N)``: who belongs to an image, weighted by nearness; a row sums to 1."""
    members = _members(ranks, k1=k1)
    counts = np.diff(members.indptr)
    rows = np.repeat(np.arange(len(features)), counts)
    square = np.empty(members.nnz)
    step = max(1, _BLOCK_CELLS // features.shape[1])
    for start in range(0, members.nnz, step):
        cells = slice(start, start + step)
        difference = features[rows[cells]] - features[members.indices[cells]]
        square[cells] = np.einsum("nc,nc->n", difference, difference)
    members.data = np.exp(-square / largest[rows])
    members.data /= np.repeat(members.sum(axis=1), counts)
    return members


def _members(ranks: np.ndarray, *, k1: int) -> csr_array:
    """Sparse ``(N, N)``: a row holds an image's k-reciprocal neighbours and those they bring."""
    own, theirs = _reciprocal(ranks[:, : k1 + 1]), _reciprocal(ranks[:, : round(k1 / 2) + 1])
    # A neighbour brings its own ones along if more than two thirds of them are known. Who is whose
    # neighbour is symmetric.
    known = (own @ theirs).multiply(own).tocsr()
    known.data = (3 * known.data > 2 * np.diff(theirs.indptr)[known.indices]).astype(np.int32)
    known.eliminate_zeros()
    return (own + known @ theirs).astype(np.float64)


def _reciprocal(nearest: np.ndarray) -> csr_array:
    """Sparse ``(N, N)`` of 1: who has whom among his nearest ``(N, K)`` and is among theirs."""
    forward = _linked(nearest)
    return forward.multiply(forward.T).tocsr()


def _linked(nearest: np.ndarray) -> csr_array:
    """Sparse ``(N, N)``: row i is 1 at the K images of row i of ``(N, K)``."""
    count, depth = nearest.shape
    starts = np.arange(0, nearest.size + 1, depth)
    return csr_array(
        (np.ones(nearest.size, np.int32), nearest.ravel(), starts), shape=(count, count)
    )


def _jaccard(described: csr_array, by_column: csr_array) -> np.ndarray:
    """Jaccard distance of each description to each of the gallery's, ``(B, G)``.

    Rows sum to 1, so the sum of the larger weights is 2 less the sum of the smaller ones.

    Args:
        described: sparse ``(B, N)``.
        by_column: sparse ``(N, G)``, the gallery's descriptions as columns.
    """
    smaller = by_column[described.indices]  # a row for each cell that is described
    smaller.data = np.minimum(smaller.data, np.repeat(described.data, np.diff(smaller.indptr)))
    cells = np.arange(described.nnz)
    of_row = csr_array(
        (np.ones(described.nnz), cells, described.indptr), shape=(described.shape[0], len(cells))
    )
    shared = (of_row @ smaller).toarray()
    return 1 - shared / (2 - shared)
