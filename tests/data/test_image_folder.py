from __future__ import annotations

import os
from pathlib import Path

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


def test_images_are_found_in_folders_by_their_ending(root: Path) -> None:
    assert [each.name for each in image_folder.list_images(root)] == [
        "a.png",
        "b.jpg",
        "inner/c.PNG",
    ]


def test_what_has_the_name_of_an_image_and_is_no_file_is_passed_over(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    (root / "folder.png").mkdir()
    (root / "nowhere.png").symlink_to(root / "nothing")
    assert len(image_folder.list_images(root)) == 3


@pytest.mark.parametrize("content", [None, "text"])
def test_a_folder_without_an_image_is_refused(tmp_path: Path, content: str | None) -> None:
    root = tmp_path / "archive"
    if content:
        root.mkdir()
        (root / "a.txt").write_text("no image")
    with pytest.raises(InputError, match=f"^job.gallery={root}: [^\n]*$"):
        image_folder.list_images(root)
