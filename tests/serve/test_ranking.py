"""Rankings of a gallery, for one query and for many at once."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import numpy as np
import pytest
from galleries import InMemory

from ddag.evaluation.ranking import cosine_distance, nearest
from ddag.serve import ranking
from ddag.serve.ranking import Ranker


def units(count: int, channels: int = 8) -> np.ndarray:
    drawn = np.random.default_rng(count).standard_normal((count, channels)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


class Slow(InMemory):
    """Says how many queries it was asked at once; the first time only when it is let."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__([str(row) for row in range(len(values))], values)
        object.__setattr__(self, "let", threading.Event())
        object.__setattr__(self, "together", [])

    def search(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        self.let.wait(30)  # type: ignore[attr-defined]
        self.together.append(len(query))  # type: ignore[attr-defined]
        return super().search(query, count)


def test_queries_that_wait_are_ranked_at_once_and_each_has_its_own_answer() -> None:
    gallery, queries = Slow(units(50)), units(150)
    ranker = Ranker(gallery)
    counts = [1 + number % 50 for number in range(len(queries))]
    asked = [ranker.rank(query, count) for query, count in zip(queries, counts)]
    gallery.let.set()  # type: ignore[attr-defined]
    wait(asked, timeout=30)
    assert max(gallery.together) == ranking.TOGETHER  # type: ignore[attr-defined]
    assert sum(gallery.together) == 150  # type: ignore[attr-defined]
    for query, count, answer in zip(queries, counts, asked):
        rows, distances = answer.result()
        whole = cosine_distance(query[None], gallery.values)[0]
        np.testing.assert_array_equal(rows, nearest(whole)[:count])
        np.testing.assert_allclose(distances, whole[rows], atol=1e-6)
    ranker.close()


def test_more_are_not_given_than_there_are() -> None:
    ranker = Ranker(InMemory(list("abc"), units(3)))
    assert len(ranker.rank(units(1)[0], 1000).result(30).rows) == 3
    ranker.close()


def test_what_goes_wrong_reaches_whoever_asked_and_nobody_after() -> None:
    ranker = Ranker(InMemory(list("abc"), units(3)))
    with pytest.raises(ValueError, match="matmul"):
        ranker.rank(units(1, channels=5)[0], 1).result(30)
    assert len(ranker.rank(units(1)[0], 1).result(30).rows) == 1
    ranker.close()


def test_who_no_longer_waits_is_passed_over() -> None:
    gallery = Slow(units(5))
    ranker = Ranker(gallery)
    asked = [ranker.rank(units(1)[0], 2) for _ in range(5)]
    asked[3].cancel()
    gallery.let.set()  # type: ignore[attr-defined]
    ranker.close()
    assert sum(gallery.together) == 4  # type: ignore[attr-defined]
    assert [each.cancelled() for each in asked] == [False, False, False, True, False]


def test_closing_waits_for_what_was_asked() -> None:
    gallery = Slow(units(5))
    ranker = Ranker(gallery)
    asked = [ranker.rank(units(1)[0], 2) for _ in range(100)]
    gallery.let.set()  # type: ignore[attr-defined]
    ranker.close()
    assert all(each.done() for each in asked)


@pytest.mark.parametrize("cells", [1, 24, 1 << 24])
def test_a_part_of_a_gallery_is_ranked_block_by_block(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_CELLS", cells)
    values = units(40)
    values[20] = values[10]  # at the same distance the lower row stands first
    ranker, rows = Ranker(InMemory([""] * 40, values)), np.arange(0, 40, 2)
    query = units(1)[0]
    found = ranker.rank_among(query, 7, rows)
    distances = cosine_distance(query[None], values[rows])[0]
    np.testing.assert_array_equal(found.rows, rows[nearest(distances)[:7]])
    assert len(ranker.rank_among(query, 7, rows[:0]).rows) == 0
    ranker.close()
