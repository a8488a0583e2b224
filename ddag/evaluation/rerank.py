"""k-reciprocal re-ranking: images are near that have neighbours in common. NumPy only.

Query and gallery together are N images. Each is described by its k-reciprocal neighbours, the
images that it has among its nearest and that have it among theirs, weighted by nearness. Two
images are as far apart as these descriptions differ (Jaccard), mixed with the plain distance.

Source: Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017,
as released: squared Euclidean distances, each row divided by its largest.
"""

# Q queries, G gallery images, N = Q + G, C channels, B rows of one block, K neighbours.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_BLOCK_CELLS = 1 << 21  # cells of the (N, N) distances in memory at a time


@dataclass(frozen=True)
class _Sparse:
    """N rows of which most cells are 0: row i is ``columns`` and ``values`` from ``starts[i]``."""

    starts: np.ndarray  # (N + 1,)
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def of_rows(cls, rows: list[tuple[np.ndarray, np.ndarray]]) -> _Sparse:
        starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns, values = (np.concatenate(parts) for parts in zip(*rows))
        return cls(starts, columns, values)

    def row(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        cells = slice(self.starts[index], self.starts[index + 1])
        return self.columns[cells], self.values[cells]

    def cells_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of all cells of the given rows, and how many each row has."""
        counts = self.starts[rows + 1] - self.starts[rows]
        ends = np.cumsum(counts)
        offsets = np.repeat(self.starts[rows] - ends + counts, counts)
        return offsets + np.arange(len(offsets)), counts

    def transposed(self, *, first: int) -> _Sparse:
        """Columns as rows, of the rows from ``first`` on, which are counted from 0."""
        begin = self.starts[first]
        rows = np.repeat(np.arange(len(self.starts) - 1 - first), np.diff(self.starts[first:]))
        order = np.argsort(self.columns[begin:], kind="stable")
        counts = np.bincount(self.columns[begin:], minlength=len(self.starts) - 1)
        return _Sparse(np.cumsum([0, *counts]), rows[order], self.values[begin:][order])


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
    if k2 > 1:
        described = _averaged(described, ranks[:, :k2])
    distance = plain
    by_column = described.transposed(first=queries)
    for query in range(queries):
        jaccard = _jaccard(described.row(query), by_column, plain.shape[1])
        distance[query] = jaccard * (1 - lambda_value) + plain[query] * lambda_value
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


def _describe(features: np.ndarray, ranks: np.ndarray, largest: np.ndarray, *, k1: int) -> _Sparse:
    """Each image's k-reciprocal neighbours and theirs, weighted by nearness; a row sums to 1."""
    forward = ranks[:, : k1 + 1]
    half = ranks[:, : round(k1 / 2) + 1]
    reciprocal, half_reciprocal = _is_reciprocal(forward), _is_reciprocal(half)
    member = np.zeros(len(features), bool)
    rows = []
    for image in range(len(features)):
        neighbours = forward[image, reciprocal[image]]
        member[neighbours] = True
        # A neighbour brings its own ones along if more than two thirds of them are known.
        theirs, valid = half[neighbours], half_reciprocal[neighbours]
        known = (member[theirs] & valid).sum(axis=1)
        joins = 3 * known > 2 * valid.sum(axis=1)
        member[neighbours] = False
        expanded = np.unique(np.append(neighbours, theirs[joins][valid[joins]]))
        difference = features[expanded] - features[image]
        square = np.einsum("nc,nc->n", difference, difference)
        weights = np.exp(-square / largest[image])
        rows.append((expanded, weights / weights.sum()))
    return _Sparse.of_rows(rows)


def _is_reciprocal(ranks: np.ndarray) -> np.ndarray:
    """Which of each image's nearest ``(N, K)`` have it among their own K nearest."""
    found = np.empty(ranks.shape, bool)
    step = max(1, _BLOCK_CELLS // ranks.shape[1] ** 2)
    for start in range(0, len(ranks), step):
        block = ranks[start : start + step]  # (B, K)
        images = np.arange(start, start + len(block))
        found[start : start + step] = (ranks[block] == images[:, None, None]).any(axis=2)
    return found


def _averaged(described: _Sparse, nearest: np.ndarray) -> _Sparse:
    """The mean description of each image's nearest ones (local query expansion)."""
    rows = []
    for images in nearest:
        cells, _ = described.cells_of(images)
        columns, place = np.unique(described.columns[cells], return_inverse=True)
        sums = np.bincount(place, described.values[cells], len(columns))
        rows.append((columns, sums / len(images)))
    return _Sparse.of_rows(rows)


def _jaccard(row: tuple[np.ndarray, np.ndarray], by_column: _Sparse, gallery: int) -> np.ndarray:
    """Jaccard distance of one description to each of the gallery's, ``(G,)``.

    Rows sum to 1, so the sum of the larger weights is 2 less the sum of the smaller ones.
    """
    columns, weights = row
    cells, counts = by_column.cells_of(columns)
    smaller = np.minimum(np.repeat(weights, counts), by_column.values[cells])
    shared = np.bincount(by_column.columns[cells], smaller, gallery)
    return 1 - shared / (2 - shared)
