from __future__ import annotations

import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ddag.datasets.direction import Direction
from ddag.datasets.regdb import RegdbConfig
from ddag.datasets.sysu.dataset import SysuConfig
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.jobs import prepare
from ddag.machine.errors import InputError
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig, DatasetConfig

DATA = DataConfig(height=32, width=16, test_batch=8, workers=1, broken=Broken.refuse)


def run(dataset: DatasetConfig) -> float:
    """The job with as much of the settings as it reads."""
    return prepare.run(SimpleNamespace(dataset=dataset, data=DATA), Path("unused"), [])  # type: ignore[arg-type]


def test_the_arrays_have_the_size_of_the_settings(
    tiny_sysu: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "sysu"
    shutil.copytree(
        tiny_sysu, root, ignore=shutil.ignore_patterns("*.npy", "train_resized_source.json")
    )
    with caplog.at_level(logging.INFO):
        assert run(SysuConfig("sysu", str(root), None, Search.all, 1, Gallery.random)) == 0.0
    assert np.load(root / "train_rgb_resized_img.npy").shape[1:] == (32, 16, 3)
    assert f"Prepared {root}" in caplog.text


def test_a_data_set_that_needs_none_is_refused(tiny_regdb: Path) -> None:
    with pytest.raises(InputError, match="job=prepare: regdb is read from its images"):
        run(RegdbConfig("regdb", str(tiny_regdb), None, 1, Direction.v2i))
