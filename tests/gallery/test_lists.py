"""Lists of images, and searches by them; no library is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddag.evaluation.ranking import cosine_distance
from ddag.gallery import index as whole_index
from ddag.gallery import lists
from ddag.gallery.approximate import ListedIndex
from ddag.gallery.index import Index
from ddag.gallery.lists import Lists, group
from ddag.machine.errors import InputError


def drawn(count: int, channels: int, *, seed: int = 0) -> np.ndarray:
    """Numbers of which products and sums are exact, so that many distances are equal."""
    numbers = np.random.default_rng(seed).integers(-2, 3, (count, channels))
    return (numbers / 8).astype(np.float32)


def people(count: int, images: int, *, seed: int = 0) -> np.ndarray:
    """Features of people, so many images of each, of length 1."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((count, 32), np.float32)
    noise = 0.3 * generator.standard_normal((count * images, 32), np.float32)
    values = np.repeat(centres, images, axis=0) + noise
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def lists_of(values: np.ndarray, count: int) -> Lists:
    """Lists around some of the images."""
    centres = values[:: len(values) // count][:count].astype(np.float32)
    return group((values.astype(np.float32) @ centres.T).argmax(axis=1), centres, len(values))


def names(values: np.ndarray) -> list[str]:
    return [f"{row}.png" for row in range(len(values))]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("count", [1, 17, 100, 101])
def test_where_all_lists_are_read_the_ranking_is_the_exact_one(
    dtype: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PROBES", 10)
    monkeypatch.setattr(whole_index, "_BLOCK", 7 * 4)
    gallery, query = drawn(100, 4).astype(dtype), drawn(10, 4, seed=1)
    listed = ListedIndex(names(gallery), gallery, lists_of(gallery, 10))
    exact = Index(names(gallery), gallery)
    for found, wanted in zip(listed.search(query, count), exact.search(query, count)):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(listed.rank(query[0]), exact.rank(query[0])):
        np.testing.assert_array_equal(found, wanted)


def test_a_few_lists_hold_nearly_all_of_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PROBES", 4)
    gallery, query = people(100, 10), people(100, 1, seed=1)
    listed = ListedIndex(names(gallery), gallery, lists_of(gallery, 100))
    found, distances = listed.search(query, 10)
    wanted, _ = Index(names(gallery), gallery).search(query, 10)
    hits = [len(set(one) & set(other)) for one, other in zip(found.tolist(), wanted.tolist())]
    assert sum(hits) > 0.9 * wanted.size
    # What is found has the distance that it has.
    every = cosine_distance(query, gallery)
    np.testing.assert_allclose(distances, np.take_along_axis(every, found, 1), atol=1e-6)
    # Some of the gallery is compared, not all.
    assert 10 <= len(listed.rank(query[0])[0]) < 200


def test_lists_are_read_until_they_hold_as_many_as_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "PROBES", 1)
    gallery, query = people(20, 10), people(20, 1, seed=1)
    listed = ListedIndex(names(gallery), gallery, lists_of(gallery, 20))
    for count in (1, 50, 200, 999):
        rows, distances = listed.search(query, count)
        assert rows.shape == distances.shape == (20, min(count, 200))
        assert (np.diff(distances) >= 0).all()
        assert all(len(set(each)) == len(each) for each in rows.tolist())


def test_a_ranking_is_of_the_images_in_the_lists_that_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "PROBES", 2)
    gallery, query = people(20, 10), people(20, 1, seed=1)
    held = lists_of(gallery, 20)
    rows, distances = ListedIndex(names(gallery), gallery, held).rank(query[3])
    near = cosine_distance(query[3:4], held.centres)[0].argsort()[:2]
    assert set(rows) == set(np.flatnonzero(np.isin(held.list_of, near)))
    assert (np.diff(distances) >= 0).all()


def test_lists_that_hold_nothing_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PROBES", 2)
    held = group(np.array([1, 3, 3, 4]), np.eye(5, dtype=np.float32), 4)
    assert held.rows_in(np.arange(5)).tolist() == [0, 1, 2]
    assert held.rows_in(np.arange(5), least=4).tolist() == [0, 1, 2, 3]


def test_lists_come_from_disk_as_they_went_there(tmp_path: Path) -> None:
    held = lists_of(people(20, 10), 20)
    lists.write(tmp_path / "lists.npz", held)
    found = lists.read(tmp_path / "lists.npz", 200, 32)
    assert found.trained == 200
    np.testing.assert_array_equal(found.list_of, held.list_of)
    for name in ("centres", "rows", "begins"):
        np.testing.assert_array_equal(getattr(found, name), getattr(held, name))


# What could stand in their file, by what it is made of theirs: 6 images in 3 lists.
Arrays = dict[str, np.ndarray]
WRONG: dict[str, Callable[[Arrays], Arrays]] = {
    "other arrays": lambda held: {"rows": held["rows"]},
    "centres of other channels": lambda held: {**held, "centres": np.eye(3, dtype=np.float32)},
    "centres that are not finite": lambda held: {**held, "centres": held["centres"] * np.nan},
    "no centre": lambda held: {
        **held, "centres": held["centres"][:0], "begins": np.array([6], np.int64),
    },
    "one centre, bare": lambda held: {**held, "centres": held["centres"][0]},
    "centres of more digits": lambda held: {**held, "centres": held["centres"].astype(float)},
    "centres turned round": lambda held: {**held, "centres": held["centres"].astype(">f4")},
    "texts for centres": lambda held: {**held, "centres": np.full((3, 2), "x")},
    "fewer rows": lambda held: {**held, "rows": held["rows"][:5]},
    "nested rows": lambda held: {**held, "rows": held["rows"][None]},
    "shorter rows": lambda held: {**held, "rows": held["rows"].astype(np.int32)},
    "a row twice": lambda held: {**held, "rows": np.array([0, 1, 2, 3, 4, 4])},
    "a row beyond": lambda held: {**held, "rows": np.array([0, 1, 2, 3, 4, 6])},
    "a row far beyond": lambda held: {**held, "rows": np.array([0, 1, 2, 3, 4, 1 << 62])},
    "a row below": lambda held: {**held, "rows": np.array([0, 1, 2, 3, 4, -1])},
    "fewer begins": lambda held: {**held, "begins": held["begins"][1:]},
    "begins that fall": lambda held: {**held, "begins": np.array([0, 4, 2, 6])},
    "begins that wrap": lambda held: {**held, "begins": np.array([0, 1 << 62, -(1 << 63), 6])},
    "a late beginning": lambda held: {**held, "begins": np.array([1, 2, 4, 6])},
    "an early end": lambda held: {**held, "begins": np.array([0, 2, 4, 5])},
    "never trained": lambda held: {**held, "trained": np.array(0)},
    "trained twice": lambda held: {**held, "trained": np.array([6, 6])},
    "a text for a number": lambda held: {**held, "trained": np.array("6")},
}  # fmt: skip


@pytest.mark.parametrize("how", [*WRONG, "cut", "junk", "empty", "folder", "pipe", "missing"])
def test_a_file_that_is_damaged_is_refused_by_name(tmp_path: Path, how: str) -> None:
    path = tmp_path / "lists.npz"
    lists.write(path, group(np.array([0, 0, 1, 1, 2, 2]), np.ones((3, 2), np.float32), 6))
    lists.read(path, 6, 2)
    if how in WRONG:
        with np.load(path) as held:
            np.savez(path, **WRONG[how](dict(held)))
    else:
        whole = path.read_bytes()
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how == "pipe":
            os.mkfifo(path)
        elif how != "missing":
            path.write_bytes({"cut": whole[:-40], "junk": b"PK" * 99, "empty": b""}[how])
    with pytest.raises(InputError, match=rf"^{path}: [^\n]*job\.lists=true[^\n]*$"):
        lists.read(path, 6, 2)
