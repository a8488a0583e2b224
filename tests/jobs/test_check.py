from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ddag.datasets.csv import CmcCounts, CsvConfig, Exclude
from ddag.datasets.dataset import Count
from ddag.datasets.direction import Direction
from ddag.datasets.regdb import RegdbConfig
from ddag.datasets.sysu.dataset import SysuConfig
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.jobs import check
from ddag.machine.errors import InputError
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig, DatasetConfig, PeopleConfig

DATA = DataConfig(height=32, width=16, test_batch=8, workers=1, broken=Broken.refuse)


def run(dataset: DatasetConfig) -> float:
    """The job with as much of the settings as it reads."""
    return check.run(SimpleNamespace(dataset=dataset, data=DATA), Path("unused"), [])  # type: ignore[arg-type]


def regdb(root: Path, **changes: Any) -> RegdbConfig:
    return RegdbConfig(**{"name": "regdb", "root": str(root), "trial": 1,
                          "direction": Direction.v2i, **changes})  # fmt: skip


def test_counts_stand_beside_the_published_ones(
    tiny_regdb: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert run(regdb(tiny_regdb)) == 0.0
    printed = capsys.readouterr().out
    assert "published" in printed
    assert "2,060" in printed
    assert "All 96 images can be read" in caplog.text


def test_splits_of_equal_counts_share_a_row(
    tiny_regdb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(regdb(tiny_regdb))
    printed = capsys.readouterr().out
    assert printed.count("split") == 4
    assert "splits 1 to 10, test, infrared" in printed


def test_only_equal_rows_are_folded(capsys: pytest.CaptureFixture[str]) -> None:
    counts = [Count("camera 1, test", 3, 9), Count("camera 2, test", 3, 8), Count("all", 3, 9),
              Count("camera 4, test", 3, 9)]  # fmt: skip
    check._show("three", counts, published=False)
    printed = capsys.readouterr().out
    for row in ("cameras 1, 4, test", "camera 2, test", "all"):
        assert row in printed


def test_nothing_is_published_of_generated_people(
    tiny_regdb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = PeopleConfig(identities=12, images=4, seed=0)
    run(regdb(tiny_regdb, name="synthetic", generate=people))
    assert "published" not in capsys.readouterr().out


def test_nothing_is_published_of_images_in_a_table(
    tiny_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(CsvConfig("csv", str(tiny_csv), None, "table.csv", Exclude.none, CmcCounts.images))
    printed = capsys.readouterr().out
    assert "query, infrared" in printed
    assert "published" not in printed


def test_every_broken_image_is_named(
    tiny_regdb: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(tiny_regdb, tmp_path / "broken"))
    broken = [next((root / modality / "1").iterdir()) for modality in ("Visible", "Thermal")]
    for image in broken:
        image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(InputError, match=r"dataset\.root=.*: 2 of 96 images cannot be read"):
        run(regdb(root))
    assert all(f"{image}: cannot be decoded" in caplog.text for image in broken)


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def put_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


def put_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def put_a_loop(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


@pytest.mark.parametrize(
    ("spoil", "where", "said"),
    [
        (shutil.rmtree, "", "no such folder"),
        (empty, "", r"exp/train_id\.txt is missing there"),
        (put_a_file, "", "no such folder"),
        (shutil.rmtree, "cam4", "cam4/ is missing there"),
        (put_a_file, "cam4", "cam4/ is missing there"),
        (put_a_loop, "cam4", "cam4/ is missing there"),
        (empty, "cam3", "has no infrared image|have no image"),
        (shutil.rmtree, "exp", r"exp/train_id\.txt is missing there"),
        (Path.unlink, "exp/test_id.txt", r"exp/test_id\.txt is missing there"),
        (put_a_pipe, "exp/test_id.txt", r"exp/test_id\.txt is missing there"),
    ],
)
def test_a_data_set_that_is_not_whole_is_refused_in_one_line(
    tiny_sysu: Path, tmp_path: Path, spoil: Callable[[Path], None], where: str, said: str
) -> None:
    root = Path(shutil.copytree(tiny_sysu, tmp_path / "sysu"))
    if where == "cam3":
        empty(root / "cam6")
    spoil(root / where)
    with pytest.raises(InputError, match=f"^dataset.root={root}: .*({said})") as caught:
        run(SysuConfig("sysu", str(root), None, Search.all, 1, Gallery.random))
    assert "\n" not in str(caught.value)


def test_a_pipe_and_a_program_among_the_images_are_named(
    tiny_regdb: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(tiny_regdb, tmp_path / "regdb"))
    pipe, program = root / "Visible/1/v_00001.bmp", root / "Thermal/2/t_00002.bmp"
    put_a_pipe(pipe)
    program.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(InputError, match="2 of 96 images cannot be read"):
        run(regdb(root))
    assert f"{pipe}: is a pipe, a socket or a device, not a file" in caplog.text
    assert f"{program}: is not an image of JPEG, PNG, BMP, TIFF, WebP or PPM" in caplog.text
