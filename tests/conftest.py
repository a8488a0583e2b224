"""What tests share: MindSpore in a known state, tiny data sets on disk, a tiny experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddag import environment
from ddag.data import synthetic

environment.prepare()  # before the first test module imports MindSpore

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def tiny_regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated people in RegDB's layout, six to train with, six to test with."""
    root = tmp_path_factory.mktemp("data") / "regdb"
    synthetic.generate(root, layout="regdb", identities=12, pictures=4, seed=0)
    return root


@pytest.fixture(scope="session")
def tiny_sysu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty generated people in SYSU-MM01's layout, four of them to test with."""
    root = tmp_path_factory.mktemp("data") / "sysu"
    synthetic.generate(root, layout="sysu", identities=20, pictures=3, seed=0)
    return root
