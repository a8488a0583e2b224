from __future__ import annotations

import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ddag.datasets.csv import CmcCounts, CsvConfig, Exclude
from ddag.datasets.regdb import Direction, RegdbConfig
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
