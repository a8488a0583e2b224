"""Lists of an index that is made, grows and shrinks; the centres are not trained by a library."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dying import die_at

from ddag.data.image_folder import Entry
from ddag.evaluation.ranking import evenly
from ddag.gallery import clustering, keeping, lists, table
from ddag.gallery.approximate import ListedIndex
from ddag.gallery.index import Index
from ddag.gallery.keeping import Keeper, Listing
from ddag.gallery.lists import Lists
from ddag.machine import packages
from ddag.machine.errors import InputError

KEPT, MADE, SEARCHED = Listing
CHANNELS = 8


class Trained:
    """Stands in for faiss: centres are images here and there. Notes how many it was given."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, features: np.ndarray, count: int) -> np.ndarray:
        self.counts.append(len(features))
        return np.asarray(features[evenly(len(features), count)], np.float32)


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Images are not there, faiss is not needed, and 50 images are many."""
    train = Trained()
    monkeypatch.setattr(keeping.image_files, "unreadable", lambda paths, *, advance: [])
    monkeypatch.setattr(clustering, "train", train)
    monkeypatch.setattr(packages, "is_installed", lambda package: True)
    monkeypatch.setattr(clustering, "LEAST", 50)
    return train


class Extractor:
    """Stands in for the network: features are drawn by the name of the image."""

    def __init__(self) -> None:
        self.extracted = 0

    def __call__(self, paths: list[str], advance: Callable[[int], None]) -> np.ndarray:
        self.extracted += len(paths)
        return np.stack([feature(Path(path).name) for path in paths])


def feature(name: str) -> np.ndarray:
    values = np.random.default_rng([*name.encode()]).standard_normal(CHANNELS)
    return (values / np.linalg.norm(values)).astype(np.float32)


def entries(numbers: Sequence[int]) -> list[Entry]:
    return [Entry(f"{number:04}.png", 1, 1) for number in numbers]


def update(
    place: Path, numbers: Sequence[int], listing: Listing, extract: Any = None, **how: Any
) -> Index:
    keeper = Keeper(place, "key", CHANNELS, listing=listing, **how)
    return keeper.update(Path("gallery"), entries(numbers), extract or Extractor())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "best_0123"


def newest(place: Path) -> Path:
    return keeping._numbered(place, "index")[-1]


def lists_at(place: Path) -> Lists:
    held = table.read(newest(place), "key", CHANNELS)
    assert held is not None
    assert held.lists is not None
    return held.lists


def has_lists(place: Path) -> bool:
    return (newest(place) / table.LISTS).exists()


def features_at(place: Path) -> np.ndarray:
    return np.array(np.load(newest(place) / table.FEATURES))


def test_lists_are_made_where_they_are_asked_for_and_stay(place: Path) -> None:
    extract = Extractor()
    update(place, range(100), KEPT, extract)
    assert not has_lists(place)
    update(place, range(100), MADE, extract)
    made = newest(place)
    assert has_lists(place)
    for listing in Listing:
        update(place, range(100), listing, extract)
        assert newest(place) == made
    assert extract.extracted == 100
    assert [each.name for each in place.glob("*_*")] == [made.name]


def test_each_image_stands_in_the_list_of_the_nearest_centre(place: Path) -> None:
    index = update(place, range(100), MADE)
    assert list(index.names) == [each.name for each in entries(range(100))]
    held = lists_at(place)
    assert len(held.centres) == 40
    nearest = (features_at(place) @ held.centres.T).argmax(axis=1)
    np.testing.assert_array_equal(held.list_of, nearest)


def test_only_what_is_searched_by_lists_is_searched_by_lists(place: Path) -> None:
    update(place, range(100), MADE)
    for listing, kind in ((KEPT, Index), (MADE, Index), (SEARCHED, ListedIndex)):
        assert type(update(place, range(100), listing)) is kind


@pytest.mark.parametrize("listing", [KEPT, MADE, SEARCHED])
@pytest.mark.parametrize(
    "numbers",
    [range(120), range(60), [*range(20, 70), *range(100, 130)], range(30, 190)],
    ids=["grown", "shrunk", "changed", "all at once"],
)
def test_what_is_known_keeps_its_list_and_what_is_new_goes_to_a_centre_that_there_was(
    place: Path,
    numbers: Sequence[int],
    listing: Listing,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assign, assigned = clustering._assign, []

    def noted(features: np.ndarray, rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
        assigned.append(len(rows))
        return assign(features, rows, centres)

    monkeypatch.setattr(clustering, "_assign", noted)
    update(place, range(100), MADE)
    before = lists_at(place)
    index = update(place, numbers, listing)
    after = lists_at(place)
    np.testing.assert_array_equal(after.centres, before.centres)
    nearest = (features_at(place) @ before.centres.T).argmax(axis=1)
    np.testing.assert_array_equal(after.list_of, nearest)
    assert assigned == [100, sum(number >= 100 for number in numbers)]
    assert (trained.counts, after.trained) == ([100], 100)
    assert len(index) == len(numbers) == len(after.rows)


@pytest.mark.parametrize("images", [200, 250, 50])
def test_centres_are_trained_anew_for_twice_or_half_as_many_images(
    place: Path, images: int, trained: Trained
) -> None:
    update(place, range(100), MADE)
    update(place, range(images), KEPT)
    assert trained.counts == [100, images]
    assert lists_at(place).trained == images
    assert len(lists_at(place).centres) == round(4 * images**0.5)


def test_without_faiss_lists_that_are_outgrown_are_kept_until_they_are_made(
    place: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    update(place, range(100), MADE)
    with monkeypatch.context() as patched:
        patched.setattr(packages, "is_installed", lambda package: False)
        update(place, range(200), SEARCHED)
    assert "faiss is not installed" in caplog.text
    assert trained.counts == [100]
    assert len(lists_at(place).rows) == 200
    update(place, range(200), SEARCHED)
    assert trained.counts == [100]
    extract = Extractor()
    update(place, range(200), MADE, extract)
    assert (trained.counts, extract.extracted) == ([100, 200], 0)


def test_fewer_digits_leave_the_lists(place: Path, trained: Trained) -> None:
    update(place, range(100), MADE)
    before = lists_at(place)
    index = update(place, range(100), KEPT, dtype=np.dtype(np.float16))
    assert index.dtype == np.float16
    np.testing.assert_array_equal(lists_at(place).rows, before.rows)
    assert trained.counts == [100]


@pytest.mark.parametrize("images", [0, 100])
def test_an_approximate_search_without_lists_is_refused_before_anything_is_extracted(
    place: Path, images: int
) -> None:
    if images:
        update(place, range(images), KEPT)
    extract = Extractor()
    said = (
        r"^job\.approximate=true: the index of gallery has no lists; [^\n]*job\.lists=true[^\n]*$"
    )
    with pytest.raises(InputError, match=said):
        update(place, range(200), SEARCHED, extract)
    assert extract.extracted == 0


def test_lists_of_a_small_gallery_are_refused_before_anything_is_extracted(place: Path) -> None:
    extract = Extractor()
    said = r"^job\.lists=true: gallery has 49 images, and lists pay from 50 on; leave it out$"
    with pytest.raises(InputError, match=said):
        update(place, range(49), MADE, extract)
    assert extract.extracted == 0


def test_a_gallery_that_has_become_small_is_still_searched_by_its_lists(place: Path) -> None:
    update(place, range(100), MADE)
    index = update(place, range(10), SEARCHED)
    assert isinstance(index, ListedIndex)
    rows, _ = index.search(feature("0007.png")[None], 10)
    assert rows[0, 0] == 7
    assert sorted(rows[0]) == list(range(10))
    update(place, range(10), MADE)


def test_damaged_lists_are_named_and_count_for_nothing(
    place: Path, caplog: pytest.LogCaptureFixture, trained: Trained
) -> None:
    extract = Extractor()
    update(place, range(100), MADE, extract)
    (newest(place) / table.LISTS).write_bytes(b"damaged")
    assert len(update(place, range(100), KEPT, extract)) == 100
    assert "has lost its lists" in caplog.text
    assert str(newest(place) / table.LISTS) in caplog.text
    with pytest.raises(InputError, match="has no lists"):
        update(place, range(100), SEARCHED, extract)
    update(place, range(100), MADE, extract)
    assert isinstance(update(place, range(100), SEARCHED, extract), ListedIndex)
    assert (extract.extracted, trained.counts) == (100, [100, 100])


def update_and_die(place: Path, event: str, count: int) -> None:
    """Grow the index and make lists, and be gone at the time of a certain call of the system."""
    die_at(event, count, where="kept")
    update(place, range(130), MADE)


@pytest.mark.parametrize(("event", "step"), [("open", 3), ("os.rename", 1)])
@pytest.mark.parametrize("begun", [KEPT, MADE])
def test_an_update_that_is_killed_anywhere_leaves_lists_whole_or_as_before(
    place: Path, begun: Listing, event: str, step: int
) -> None:
    update(place, range(100), begun)
    safe = place.parent.with_name("safe")
    shutil.copytree(place.parent, safe)
    context = multiprocessing.get_context("fork")
    for count in range(0, 100, step):
        process = context.Process(target=update_and_die, args=(place, event, count))
        process.start()
        process.join()
        held = table.read(newest(place), "key", CHANNELS)
        assert held is not None
        whole = len(held.entries) == 130
        assert whole or len(held.entries) == 100
        assert (held.lists is not None) == (whole or begun is MADE)
        index = update(place, range(130), MADE)
        assert [each.name for each in place.glob("*_*")] == [newest(place).name]
        wanted = np.stack([feature(name) for name in index.names])
        np.testing.assert_array_equal(index.features(np.arange(130)), wanted)
        np.testing.assert_array_equal(np.sort(lists_at(place).rows), np.arange(130))
        if process.exitcode == 0:
            assert count > 0
            return
        shutil.rmtree(place.parent)
        shutil.copytree(safe, place.parent)
    raise AssertionError("it never came to its end")


def test_a_full_disk_leaves_lists_as_they_were(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(place, range(100), MADE)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(lists, "write", full)
        with pytest.raises(InputError, match="cannot be written"):
            update(place, range(120), KEPT)
    assert len(lists_at(place).rows) == 100
    extract = Extractor()
    update(place, range(120), SEARCHED, extract)
    assert extract.extracted == 0
