from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dying import die_at
from PIL import Image

from ddag.data.image_folder import list_images
from ddag.gallery import keeping, table
from ddag.gallery.index import Index
from ddag.gallery.keeping import Keeper
from ddag.machine.errors import InputError
from ddag.machine.files import LOCK, claimed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images, one of them in a folder, and what is no image."""
    root = tmp_path / "archive"
    for number, name in enumerate(("a.png", "b.jpg", "inner/c.PNG")):
        draw(root / name, number)
    (root / "notes.txt").write_text("not an image")
    (root / ".hidden.png").write_text("neither")
    return root


def draw(path: Path, number: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 16), (number, 0, 0)).save(path)


class Extractor:
    """Stands in for the network: a feature is the number of the call and of the image in it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, paths: list[str], advance: Callable[[int], None]) -> np.ndarray:
        self.calls.append([Path(path).name for path in paths])
        advance(len(paths))
        return np.array([[len(self.calls), row] for row in range(len(paths))], np.float32)


def place_of(root: Path) -> Path:
    return root.parent / "kept" / "best_0123"


def opened(root: Path, extract: Extractor, **how: Any) -> Index:
    held = list_images(root)
    keeper = Keeper(**{"place": place_of(root), "key": "key", "channels": 2, **how})
    return keeper.update(root, held, extract)


def read(root: Path, extract: Extractor, **how: Any) -> dict[str, list[float]]:
    index = opened(root, extract, **how)
    return dict(zip(index.names, index.features(np.arange(len(index))).tolist()))


def kept(root: Path) -> list[str]:
    return sorted(each.name for each in place_of(root).iterdir() if each.name != LOCK)


def test_an_image_is_extracted_once(root: Path) -> None:
    extract = Extractor()
    first = read(root, extract)
    assert first == {"a.png": [1, 0], "b.jpg": [1, 1], "inner/c.PNG": [1, 2]}
    assert read(root, extract) == first
    assert extract.calls == [["a.png", "b.jpg", "c.PNG"]]
    assert {file.name for file in root.iterdir()} == {
        "a.png", "b.jpg", "inner", "notes.txt", ".hidden.png",
    }  # fmt: skip


def test_only_changed_and_new_images_are_extracted_anew(root: Path) -> None:
    extract = Extractor()
    read(root, extract)
    os.utime(root / "b.jpg", ns=(0, 1))
    draw(root / "d.png")
    (root / "a.png").unlink()
    known = read(root, extract)
    assert extract.calls[1:] == [["b.jpg", "d.png"]]
    assert known == {"b.jpg": [2, 0], "d.png": [2, 1], "inner/c.PNG": [1, 2]}
    read(root, extract)
    assert len(extract.calls) == 2


def test_an_index_stands_in_the_order_of_its_names_however_it_grew(root: Path) -> None:
    extract = Extractor()
    read(root, extract)
    draw(root / "aa.png")
    assert list(read(root, extract)) == ["a.png", "aa.png", "b.jpg", "inner/c.PNG"]


def test_features_lie_on_disk_and_are_mapped(root: Path) -> None:
    values = opened(root, Extractor())._values
    assert isinstance(values, np.memmap)
    assert not values.flags.writeable


def test_what_an_update_replaces_is_removed(root: Path) -> None:
    read(root, Extractor())
    assert kept(root) == ["index_000001"]
    draw(root / "d.png")
    read(root, Extractor())
    assert kept(root) == ["index_000002"]


def test_features_under_another_key_count_for_nothing(root: Path) -> None:
    extract = Extractor()
    read(root, extract)
    assert read(root, extract, key="other")["a.png"] == [2, 0]


def test_features_are_kept_in_the_digits_that_are_asked_for(root: Path) -> None:
    extract, half, single = Extractor(), np.dtype(np.float16), np.dtype(np.float32)
    assert opened(root, extract).dtype == single
    assert opened(root, extract, dtype=half).dtype == half
    assert opened(root, extract).dtype == half
    assert len(extract.calls) == 1
    # What was cut off is not made up.
    assert opened(root, extract, dtype=single).dtype == single
    assert len(extract.calls) == 2


def test_a_name_of_any_bytes_is_kept(root: Path) -> None:
    name = os.fsdecode(b"\xff\n.png")
    shutil.copy(root / "a.png", root / name)
    extract = Extractor()
    assert name in read(root, extract)
    assert name in read(root, extract)
    assert len(extract.calls) == 1


# What could stand in the files of the index, by what it is made of theirs.
Arrays = dict[str, np.ndarray]
IMAGES: dict[str, Callable[[Arrays], Arrays]] = {
    "other arrays": lambda kept: {"key": kept["key"], "features": np.zeros((2, 2))},
    "fewer names": lambda kept: {**kept, "names": kept["names"][:6]},
    "nested names": lambda kept: {**kept, "names": kept["names"][:, None, None]},
    "numbers for names": lambda kept: {**kept, "names": np.arange(3)},
    "texts for sizes": lambda kept: {**kept, "sizes": np.array(["a", "b", "c"])},
    "fewer sizes": lambda kept: {**kept, "sizes": kept["sizes"][:2]},
    "one time": lambda kept: {**kept, "changed": kept["changed"][0]},
}
FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "channels": lambda values: np.zeros((3, 7), np.float32),
    "one row": lambda values: values[0],
    "no row": lambda values: np.array(1.0),
    "fewer rows": lambda values: values[:2],
    "texts for features": lambda values: np.full((3, 2), "x"),
    "whole numbers": lambda values: values.astype(np.int32),
    "bytes turned round": lambda values: values.astype(">f4"),
    "not finite": lambda values: values * np.float32(np.nan),
}


def damage(folder: Path, how: str) -> None:
    images, features = folder / table.IMAGES, folder / table.FEATURES
    what, _, file = how.partition(" ")
    path = folder / file
    if how in IMAGES:
        with np.load(images) as held:
            np.savez(images, **IMAGES[how](dict(held)))
    elif how in FEATURES:
        np.save(features, FEATURES[how](np.array(np.load(features))))
    elif what == "folder":
        path.unlink()
        path.mkdir()
    elif what == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif what == "file":
        shutil.rmtree(folder)
        folder.write_text("no folder")
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:-40], "junk": b"PK" * 99, "empty": b""}[what])


@pytest.mark.parametrize(
    "how",
    [*IMAGES, *FEATURES, "file", *(
        f"{what} {file}" for what in ("cut", "junk", "empty", "folder", "pipe")
        for file in (table.IMAGES, table.FEATURES)
    )],
)  # fmt: skip
def test_a_damaged_index_is_built_anew(
    root: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    extract = Extractor()
    read(root, extract)
    damage(place_of(root) / "index_000001", how)
    assert read(root, extract)["a.png"] == [2, 0]
    assert "is damaged" in caplog.text
    assert kept(root) == ["index_000002"]
    caplog.clear()
    read(root, extract)
    assert len(extract.calls) == 2
    assert "is damaged" not in caplog.text


def test_broken_images_are_named_and_passed_over(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extract = Extractor()
    (root / "inner" / "broken.png").write_bytes(b"\x89PNG")
    (root / "none.jpg").write_bytes(b"")
    assert set(read(root, extract)) == {"a.png", "b.jpg", "inner/c.PNG"}
    assert "broken.png" in caplog.text
    assert "none.jpg: is empty (0 bytes)" in caplog.text
    read(root, extract)
    assert len(extract.calls) == 1
    assert kept(root) == ["index_000001"]


def test_a_folder_without_a_readable_image_is_refused(root: Path) -> None:
    for each in list_images(root):
        (root / each.name).write_text("no image")
    with pytest.raises(InputError, match=f"^job.gallery={root}: none of its 3 [^\n]*$"):
        read(root, Extractor())


def test_features_that_are_not_finite_are_refused(root: Path) -> None:
    def extract(paths: list[str], advance: Callable[[int], None]) -> np.ndarray:
        return np.full((len(paths), 2), np.nan, np.float32)

    with pytest.raises(InputError, match=r"are not finite; use another checkpoint$"):
        read(root, extract)  # type: ignore[arg-type]
    assert kept(root) == []


def test_what_killed_searches_left_of_any_gallery_is_removed(root: Path) -> None:
    left = [
        root.parent / "kept" / ".best_0123.77.npz",
        root.parent / "kept" / "last_4567" / ".index_000001.77.draft" / "features.npy",
        place_of(root) / ".index_000001.77.draft" / "features.npy",
    ]
    for each in left:
        each.parent.mkdir(parents=True)
        each.touch()
    read(root, Extractor())
    assert [each for each in left if each.exists() or each.parent.name.startswith(".")] == left[1:]
    assert not any(each.parent.exists() for each in left[1:])


@pytest.mark.parametrize("level", ["kept", "kept/best_0123"])
def test_nothing_is_written_or_removed_where_the_folder_of_features_leads_elsewhere(
    root: Path, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".notes.1.txt").touch()
    (root.parent / level).parent.mkdir(exist_ok=True)
    (root.parent / level).symlink_to(elsewhere)
    assert len(read(root, Extractor())) == 3
    assert [each.name for each in elsewhere.iterdir()] == [".notes.1.txt"]
    assert "leads elsewhere" in caplog.text


def test_features_that_cannot_be_kept_are_used_all_the_same(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root.parent / "kept").write_text("a file where the folder would be")
    assert read(root, Extractor())["inner/c.PNG"] == [1, 2]
    assert "cannot be written" in caplog.text
    with pytest.raises(InputError, match="cannot be written"):
        read(root, Extractor(), required=True)


def test_two_processes_do_not_write_the_same_index(root: Path) -> None:
    with claimed(place_of(root)), pytest.raises(InputError, match="another process is at work"):
        read(root, Extractor())


def test_an_index_that_is_up_to_date_is_read_while_another_process_is_at_it(root: Path) -> None:
    read(root, Extractor())
    with claimed(place_of(root)):
        assert len(read(root, Extractor())) == 3


def test_an_index_that_was_opened_is_read_on_after_it_is_replaced(root: Path) -> None:
    index = opened(root, Extractor())
    draw(root / "d.png")
    opened(root, Extractor())
    assert index.features(np.array([2])).tolist() == [[1, 2]]


class KilledError(Exception):
    pass


def test_a_killed_extraction_goes_on_from_the_parts_that_it_had_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PART", 2)
    for number in range(4):
        draw(root / f"x{number}.png")

    class Killed(Extractor):
        def __call__(self, paths: list[str], advance: Callable[[int], None]) -> np.ndarray:
            if len(self.calls) == 2:
                raise KilledError
            return super().__call__(paths, advance)

    with pytest.raises(KilledError):
        read(root, Killed())
    assert kept(root) == ["part_000001", "part_000002"]
    extract = Extractor()
    assert list(read(root, extract).values()) == [
        [1, 0], [1, 1], [2, 0], [2, 1], [1, 0], [1, 1], [2, 0],
    ]  # fmt: skip
    assert extract.calls == [["x1.png", "x2.png"], ["x3.png"]]
    assert kept(root) == ["index_000001"]


def update_and_die(root: Path, event: str, count: int) -> None:
    """Update the index, and be gone at the time of a certain call of the system."""
    die_at(event, count, where="kept")
    opened(root, Extractor())


@pytest.mark.parametrize("event", ["open", "os.mkdir", "os.rename", "os.remove", "shutil.rmtree"])
def test_an_update_that_is_killed_anywhere_leaves_the_index_whole_or_as_before(
    root: Path, event: str
) -> None:
    before = read(root, Extractor())
    (root / "a.png").unlink()
    draw(root / "d.png")
    known = {name: values for name, values in before.items() if name != "a.png"}
    context = multiprocessing.get_context("fork")
    safe = place_of(root).parent.with_name("safe")
    shutil.copytree(place_of(root).parent, safe)
    for count in range(100):
        process = context.Process(target=update_and_die, args=(root, event, count))
        process.start()
        process.join()
        newest = keeping._numbered(place_of(root), "index")[-1]
        entries = table.read(newest, "key", 2)
        assert entries is not None
        names = [each.name for each in entries.entries]
        assert names in (list(before), ["b.jpg", "d.png", "inner/c.PNG"])
        after = read(root, Extractor())
        assert {name: after[name] for name in known} == known
        assert after["d.png"] == [1, 0]
        assert kept(root) == ["index_000002"]
        if process.exitcode == 0:
            assert count > 0
            return
        shutil.rmtree(place_of(root).parent)
        shutil.copytree(safe, place_of(root).parent)
    raise AssertionError("it never came to its end")


def test_a_full_disk_leaves_the_index_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(root, Extractor())
    draw(root / "d.png")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, contextlib.suppress(InputError):
        patched.setattr(np, "savez", full)
        read(root, Extractor())
    assert kept(root) == ["index_000001"]
    (root / "d.png").unlink()
    extract = Extractor()
    assert len(read(root, extract)) == 3
    assert not extract.calls
