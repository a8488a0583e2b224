from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddag.data import image_folder
from ddag.machine.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images, one of them in a folder, and what is no image."""
    root = tmp_path / "archive"
    for number, name in enumerate(("a.png", "b.jpg", "inner/c.PNG")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 16), (number, 0, 0)).save(root / name)
    (root / "notes.txt").write_text("not an image")
    (root / ".hidden.png").write_text("neither")
    return root


class Extractor:
    """Stands in for the network: a feature is the number of the call and of the image in it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, paths: list[str]) -> np.ndarray:
        self.calls.append([Path(path).name for path in paths])
        return np.array([[len(self.calls), row] for row in range(len(paths))], np.float32)


def read(root: Path, extract: Extractor, *, key: str = "key") -> dict[str, list[float]]:
    held = image_folder.list_images(root)
    cache = root.parent / "kept" / "features.npz"
    known = image_folder.features(root, held, extract, cache=cache, key=key, channels=2)
    return {each.name: values.tolist() for each, values in known.items()}


def test_images_are_found_in_folders_by_their_ending(root: Path) -> None:
    assert [each.name for each in image_folder.list_images(root)] == [
        "a.png",
        "b.jpg",
        "inner/c.PNG",
    ]


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
    Image.new("RGB", (8, 16)).save(root / "d.png")
    (root / "a.png").unlink()
    known = read(root, extract)
    assert extract.calls[1:] == [["b.jpg", "d.png"]]
    assert known == {"b.jpg": [2, 0], "d.png": [2, 1], "inner/c.PNG": [1, 2]}
    read(root, extract)
    assert len(extract.calls) == 2


def test_features_under_another_key_count_for_nothing(root: Path) -> None:
    extract = Extractor()
    read(root, extract)
    assert read(root, extract, key="other")["a.png"] == [2, 0]


# What could stand in the file of kept features, by what it is made of those.
OTHER: dict[str, Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]] = {
    "other arrays": lambda kept: {"key": kept["key"], "features": np.zeros((2, 2))},
    "channels": lambda kept: {**kept, "features": np.zeros((3, 7), np.float32)},
    "one row": lambda kept: {**kept, "features": kept["features"][0]},
    "no row": lambda kept: {**kept, "features": np.array(1.0)},
    "fewer rows": lambda kept: {**kept, "features": kept["features"][:2]},
    "fewer names": lambda kept: {**kept, "name": kept["name"][:2]},
    "nested names": lambda kept: {**kept, "name": kept["name"][:, None]},
    "numbers for names": lambda kept: {**kept, "name": np.arange(3)},
    "texts for sizes": lambda kept: {**kept, "size": kept["name"]},
    "texts for features": lambda kept: {**kept, "features": np.full((3, 2), "x")},
    "not finite": lambda kept: {**kept, "features": kept["features"] * np.nan},
}


@pytest.mark.parametrize("damage", ["cut", "junk", "empty", "folder", *OTHER])
def test_a_damaged_cache_is_built_anew(
    root: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    extract = Extractor()
    read(root, extract)
    cache = root.parent / "kept" / "features.npz"
    if damage in OTHER:
        with np.load(cache) as kept:
            arrays = OTHER[damage](dict(kept))
        np.savez(cache, **arrays)
    elif damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        whole = cache.read_bytes()
        cache.write_bytes({"cut": whole[:-40], "junk": b"PK" * 99, "empty": b""}[damage])
    assert read(root, extract)["a.png"] == [2, 0]
    assert "is damaged" in caplog.text
    caplog.clear()
    if damage == "folder":
        return
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


def test_what_killed_searches_left_of_any_gallery_is_removed(root: Path) -> None:
    left = root.parent / "kept" / ".best_0123.77.npz"
    left.parent.mkdir()
    left.touch()
    read(root, Extractor())
    assert not left.exists()


def test_nothing_is_written_or_removed_where_the_folder_of_features_leads_elsewhere(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".notes.1.txt").touch()
    (root.parent / "kept").symlink_to(elsewhere)
    assert len(read(root, Extractor())) == 3
    assert [each.name for each in elsewhere.iterdir()] == [".notes.1.txt"]
    assert "leads elsewhere" in caplog.text


def test_features_that_cannot_be_kept_are_used_all_the_same(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root.parent / "kept").write_text("a file where the folder would be")
    assert len(read(root, Extractor())) == 3
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("content", [None, "text", "broken"])
def test_a_folder_without_a_readable_image_is_refused(tmp_path: Path, content: str | None) -> None:
    root = tmp_path / "archive"
    if content:
        root.mkdir()
        (root / {"text": "a.txt", "broken": "a.png"}[content]).write_text("no image")
    with pytest.raises(InputError, match=f"^job.gallery={root}: [^\n]*$"):
        read(root, Extractor())
