"""The job search, on networks that nobody trained."""

from __future__ import annotations

import csv
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typed import parse

from ddag.jobs import search
from ddag.machine.errors import InputError

AS_IT_IS = ["device.mode=pynative"]  # compiling takes longer than a few images do


@pytest.fixture
def archive(tmp_path: Path, tiny_regdb: Path) -> Path:
    """Visible images of three people, in folders, and no labels."""
    root = tmp_path / "archive [old]"
    for person in "123":
        shutil.copytree(tiny_regdb / "Visible" / person, root / "days" / person)
    return root


def searched(path: Path, folder: Path, *words: str) -> list[dict[str, str]]:
    """Run the job and return its table."""
    settings = parse("job=search", f"checkpoint={path}", *words, *AS_IT_IS)
    folder.mkdir(exist_ok=True)
    search.run(settings, folder, [])
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))


def test_an_image_that_is_in_the_archive_is_found_first(
    regdb_checkpoint: Path, archive: Path, tmp_path: Path
) -> None:
    own = sorted((archive / "days" / "2").iterdir())[1]
    words = (f"job.query='{own}'", "job.modality=visible", f"job.gallery='{archive}'")
    table = searched(regdb_checkpoint, tmp_path / "run", *words, "job.gallery_modality=visible")
    assert table[0]["path"] == str(own)
    assert float(table[0]["distance"]) == pytest.approx(0, abs=1e-5)
    assert [row["rank"] for row in table] == [str(rank) for rank in range(1, 13)]
    distances = [float(row["distance"]) for row in table]
    assert distances == sorted(distances)
    with Image.open(tmp_path / "run" / "ranking.png") as image:
        assert image.width > 1000
    # As a visible image among infrared ones it goes through another stem and is not like itself.
    table = searched(regdb_checkpoint, tmp_path / "run", *words)
    assert min(float(row["distance"]) for row in table) > 1e-3


@pytest.mark.slow
def test_only_what_changed_in_the_archive_is_extracted_anew(
    regdb_checkpoint: Path,
    archive: Path,
    tmp_path: Path,
    tiny_regdb: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    query = next((tiny_regdb / "Thermal" / "1").iterdir())
    words = (f"job.query={query}", "job.modality=infrared", f"job.gallery='{archive}'")

    def extracted() -> int:
        caplog.clear()
        searched(regdb_checkpoint, tmp_path / "run", *words)
        said = re.search(r"(\d+) of the \d+ images", caplog.text)
        assert said
        return int(said[1])

    before = {file: file.stat() for file in archive.rglob("*")}
    assert extracted() == 12
    first = (tmp_path / "run" / "ranking.csv").read_text()
    assert extracted() == 0
    assert (tmp_path / "run" / "ranking.csv").read_text() == first
    assert {file: file.stat() for file in archive.rglob("*")}.keys() == before.keys()
    changed = next((archive / "days" / "3").iterdir())
    os.utime(changed, ns=(0, 1))
    (archive / "broken.png").write_bytes(b"GIF89a")
    assert extracted() == 1
    assert "broken.png" in caplog.text
    for file in (regdb_checkpoint.parent / "galleries").glob("*/*/features.npy"):
        file.write_bytes(b"damaged")
    assert extracted() == 12
    assert "is damaged" in caplog.text


@pytest.mark.parametrize(
    ("query", "said"),
    [("none.png", "no such file"), ("broken.png", "is not an image"), (".", "is a folder")],
)
def test_a_query_that_cannot_be_read_is_refused(
    regdb_checkpoint: Path,
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.png").write_text("no image")
    words = (f"job.query={query}", "job.modality=visible", f"job.gallery='{archive}'")
    with pytest.raises(InputError, match=f"^job.query={query}: {said}[^\n]*$"):
        searched(regdb_checkpoint, tmp_path / "run", *words)


def test_an_archive_that_is_not_there_is_refused(regdb_checkpoint: Path, tmp_path: Path) -> None:
    image = tmp_path / "query.png"
    Image.new("RGB", (8, 16)).save(image)
    words = (f"job.query={image}", "job.modality=visible", "job.gallery=nowhere")
    with pytest.raises(InputError, match=r"job\.gallery=nowhere: no such folder"):
        searched(regdb_checkpoint, tmp_path / "run", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["job.query=a.png", "job.gallery=b"], "job.modality"),
        (["job.query=a.png", "job.gallery=b", "job.modality=night"], "job.modality"),
        (["job.modality=visible", "job.gallery=b"], "job.query"),
    ],
)
def test_a_search_without_its_settings_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(Exception, match=said):
        parse("job=search", "checkpoint=a.ckpt", *words)
