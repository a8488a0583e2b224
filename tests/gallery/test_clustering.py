"""Centres trained by faiss, and what is done without it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from ddag.gallery import clustering, lists
from ddag.gallery.approximate import ListedIndex
from ddag.gallery.index import Index
from ddag.machine import packages
from ddag.machine.errors import InputError

with_faiss = pytest.mark.skipif(
    importlib.util.find_spec("faiss") is None, reason="needs the extra index"
)


def people(count: int, images: int, *, seed: int = 0) -> np.ndarray:
    """Features of people, so many images of each, of length 1."""
    centres = np.random.default_rng(0).standard_normal((count, 32), np.float32)
    noise = np.random.default_rng(seed).standard_normal((count * images, 32), np.float32)
    values = np.repeat(centres, images, axis=0) + 0.3 * noise
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@with_faiss
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_each_image_stands_in_the_list_of_the_centre_that_is_nearest(dtype: str) -> None:
    features = people(100, 10).astype(dtype)
    made = clustering.arrange(features, None, np.empty(0, np.int64))
    assert made.centres.shape == (round(4 * 1000**0.5), 32)
    assert (made.centres.dtype, made.trained) == (np.float32, 1000)
    np.testing.assert_allclose(np.linalg.norm(made.centres, axis=1), 1, atol=1e-5)
    cosines = features.astype(np.float32) @ made.centres.T
    np.testing.assert_array_equal(made.list_of, cosines.argmax(axis=1))


@with_faiss
def test_a_few_of_the_lists_hold_nearly_all_of_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PROBES", 6)
    gallery, query = people(100, 10), people(100, 1, seed=1)
    made = clustering.arrange(gallery, None, np.empty(0, np.int64))
    names = [""] * 1000
    found, _ = ListedIndex(names, gallery, made).search(query, 10)
    wanted, _ = Index(names, gallery).search(query, 10)
    hits = [len(set(one) & set(other)) for one, other in zip(found.tolist(), wanted.tolist())]
    assert sum(hits) > 0.9 * wanted.size


@with_faiss
def test_centres_are_the_same_however_often_they_are_trained() -> None:
    first, second = (clustering.train(people(50, 10), 40) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@with_faiss
@pytest.mark.parametrize("images", [1, 2, 5])
def test_a_gallery_of_very_few_images_has_lists(images: int) -> None:
    made = clustering.arrange(people(images, 1), None, np.empty(0, np.int64))
    assert sorted(made.rows) == list(range(images))


@pytest.mark.parametrize(
    ("images", "outgrown"), [(999, True), (1000, True), (1001, False), (3999, False), (4000, True)]
)
def test_lists_are_outgrown_by_twice_or_half_as_many_images(
    images: int, outgrown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "LEAST", 900)
    held = lists.group(np.zeros(5, np.int64), np.ones((1, 2), np.float32), 2000)
    assert clustering.is_outgrown(held, images) is outgrown


def test_a_gallery_that_has_become_small_keeps_its_lists() -> None:
    held = lists.group(np.zeros(5, np.int64), np.ones((1, 2), np.float32), clustering.LEAST)
    assert not clustering.is_outgrown(held, 5)


def test_without_faiss_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "is_installed", lambda package: False)
    said = r'^job\.lists=true: faiss is not installed; run pip install -e "\.\[index\]"$'
    with pytest.raises(InputError, match=said):
        clustering.refuse_missing("job.lists=true")
