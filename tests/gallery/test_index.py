from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ddag.evaluation.ranking import cosine_distance, nearest
from ddag.gallery import index as module
from ddag.gallery.index import Index


def drawn(count: int, channels: int, *, seed: int = 0, levels: int = 2) -> np.ndarray:
    """Numbers of which products and sums are exact, so that many distances are equal."""
    numbers = np.random.default_rng(seed).integers(-levels, levels + 1, (count, channels))
    return (numbers / 8).astype(np.float32)


def index_of(values: np.ndarray) -> Index:
    return Index([f"{row}.png" for row in range(len(values))], values)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("count", [1, 2, 17, 99, 100])
def test_a_search_is_the_beginning_of_the_whole_ranking(
    dtype: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7 * 4)
    monkeypatch.setattr(module, "CELLS", 3 * 100)  # three queries at a time
    gallery, query = drawn(100, 4), drawn(10, 4, seed=1)
    rows, distances = index_of(gallery.astype(dtype)).search(query, count)
    assert (rows.dtype, distances.dtype) == (np.int64, np.float32)
    expected = cosine_distance(query, gallery)
    assert max(len(np.unique(each)) for each in expected) < 50  # ties are what it is about
    for place, each in enumerate(expected):
        order = nearest(each)[:count]
        np.testing.assert_array_equal(rows[place], order)
        np.testing.assert_array_equal(distances[place], each[order])


def test_more_than_there_are_is_all() -> None:
    rows, distances = index_of(drawn(5, 4)).search(drawn(2, 4, seed=1), 9)
    assert rows.shape == distances.shape == (2, 5)


def test_features_come_as_they_went_in() -> None:
    values = drawn(5, 4)
    found = index_of(values.astype(np.float16)).features(np.array([3, 1]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values[[3, 1]])


def test_every_number_of_float16_becomes_itself() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    found = module._widened(finite, np.empty(len(finite), np.float32))
    np.testing.assert_array_equal(found, finite.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(finite))


def test_half_the_digits_change_distances_by_less_than_a_thousandth() -> None:
    generator = np.random.default_rng(0)
    gallery, query = (generator.normal(size=(count, 64)).astype(np.float32) for count in (300, 4))
    gallery, query = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (gallery, query))
    whole = cosine_distance(query, gallery)
    rows, distances = index_of(gallery.astype(np.float16)).search(query, 300)
    np.testing.assert_allclose(distances, np.take_along_axis(whole, rows, 1), atol=1e-3)
