from __future__ import annotations

import numpy as np
import pytest

from ddag.evaluation.rerank import rerank


def rerank_by_matrix(
    query: np.ndarray, gallery: np.ndarray, k1: int = 20, k2: int = 6, lambda_value: float = 0.3
) -> np.ndarray:
    """The published algorithm as its authors state it, on whole matrices."""
    features = np.concatenate((query, gallery)).astype(np.float64)
    count = len(features)
    square = ((features[:, None] - features[None]) ** 2).sum(-1)
    square = square / square.max(axis=1, keepdims=True)
    ranks = np.argsort(square, axis=1, kind="stable")

    def reciprocal(image: int, k: int) -> np.ndarray:
        forward = ranks[image, : k + 1]
        return forward[[image in ranks[other, : k + 1] for other in forward]]

    described = np.zeros((count, count))
    for image in range(count):
        neighbours = expanded = reciprocal(image, k1)
        for candidate in neighbours:
            theirs = reciprocal(candidate, round(k1 / 2))
            if len(np.intersect1d(theirs, neighbours)) > 2 / 3 * len(theirs):
                expanded = np.append(expanded, theirs)
        expanded = np.unique(expanded)
        weights = np.exp(-square[image, expanded])
        described[image, expanded] = weights / weights.sum()
    if k2 != 1:
        described = np.stack([described[ranks[i, :k2]].mean(axis=0) for i in range(count)])
    smaller = np.minimum(described[:, None], described[None]).sum(-1)
    distance = (1 - smaller / (2 - smaller)) * (1 - lambda_value) + square * lambda_value
    return distance[: len(query), len(query) :]


def people(queries: int, gallery: int, *, identities: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Normalised features in clusters: ``(Q, 16)`` and ``(G, 16)``."""
    generator = np.random.default_rng(queries * 1000 + gallery)
    centers = generator.normal(size=(identities, 16))
    picked = generator.integers(identities, size=queries + gallery)
    features = centers[picked] + 0.7 * generator.normal(size=(queries + gallery, 16))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features[:queries].astype(np.float32), features[queries:].astype(np.float32)


@pytest.mark.parametrize(
    ("queries", "gallery", "settings"),
    [
        (40, 60, {}),
        (40, 60, {"k1": 7, "k2": 3, "lambda_value": 0.5}),
        (40, 60, {"k2": 1}),
        (40, 60, {"k1": 3, "k2": 9}),
        (70, 30, {"lambda_value": 0.0}),
        (30, 5, {}),  # a gallery smaller than k1
        (3, 4, {}),  # everything smaller than k1
        (1, 1, {}),
    ],
)
def test_distances_are_those_of_the_published_algorithm(
    queries: int, gallery: int, settings: dict[str, float]
) -> None:
    query, others = people(queries, gallery)
    expected = rerank_by_matrix(query, others, **settings)
    result = rerank(query, others, **settings)
    assert result.dtype == np.float32
    assert result.shape == (queries, gallery)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = people(40, 60)
    whole = rerank(query, gallery)
    monkeypatch.setattr("ddag.evaluation.rerank._BLOCK_CELLS", 700)  # 7 rows at a time
    np.testing.assert_allclose(rerank(query, gallery), whole, atol=1e-7)


def test_features_keep_their_values() -> None:
    query, gallery = people(10, 12)
    before = query.copy(), gallery.copy()
    rerank(query, gallery)
    np.testing.assert_array_equal(query, before[0])
    np.testing.assert_array_equal(gallery, before[1])


def test_a_network_that_sees_no_difference_gives_finite_distances() -> None:
    same = np.full((30, 8), 0.5, np.float32)
    assert np.isfinite(rerank(same[:10], same[10:])).all()


def test_a_feature_that_is_not_finite_shows_in_the_distances() -> None:
    query, gallery = people(10, 12)
    query[3] = np.nan
    distance = rerank(query, gallery)
    assert np.isnan(distance[3]).all()


def test_a_group_of_neighbours_is_ranked_before_another_group() -> None:
    angles = np.radians([0, 2, 4, 6, 8, 10, 40, 42, 44, 46])  # the query and five others; four
    features = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    distance = rerank(features[:1], features[1:], k1=3, k2=2)[0]
    assert distance[:2].max() < 0.7  # neighbours in common with the query
    assert distance[5:].min() >= 0.7  # none: a Jaccard distance of 1, times 1 - 0.3
