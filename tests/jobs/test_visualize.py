"""The job visualize, on networks that nobody trained."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Callable

import pytest
from PIL import Image
from typed import parse

from ddag.jobs import visualize
from ddag.training import checkpoint

AS_IT_IS = ["device.mode=pynative"]  # compiling takes longer than a few images do


def visualized(path: Path, folder: Path) -> str:
    """Run the job and return its page."""
    settings = parse("job=visualize", f"checkpoint={path}", *AS_IT_IS)
    visualize.run(settings, folder, [])
    return (folder / "index.html").read_text()


@pytest.mark.slow
def test_visualize_leaves_a_page_with_every_image_in_it(
    regdb_checkpoint: Path, tmp_path: Path
) -> None:
    page = visualized(regdb_checkpoint, tmp_path)
    names = {"rank_lists", "activation", "parts", "distances", "map"}
    assert {file.stem for file in tmp_path.glob("*.png")} == names
    for name in names:
        with Image.open(tmp_path / f"{name}.png") as image:
            assert min(image.size) >= 200
    assert page.count("data:image/png;base64,") == len(names)
    assert checkpoint.sha256(regdb_checkpoint) in page
    assert "feat: Rank-1 " in page
    assert f"{date.today():%Y-%m-%d}" in page
    assert "http" not in page


@pytest.mark.slow
def test_visualize_says_what_a_network_without_parts_has_not(
    tmp_path: Path, tiny_sysu: Path, untrained: Callable[..., Path]
) -> None:
    path = untrained(tmp_path, "dataset=sysu", f"dataset.root={tiny_sysu}", "model.part=0")
    page = visualized(path, tmp_path / "run")
    assert {file.stem for file in (tmp_path / "run").glob("*.png")} == {
        "rank_lists", "activation", "distances", "map",
    }  # fmt: skip
    assert "no part attention (model.part=0)" in page
