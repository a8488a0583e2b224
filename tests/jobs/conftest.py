"""What tests of jobs share: a checkpoint of a short run, and of networks nobody trained."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from learners import small
from typed import TINY, only_run, type_in

from ddag.settings.plain import to_plain
from ddag.training import checkpoint
from ddag.training.description import Description


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> Path:
    """The best checkpoint of a short run on the second split of RegDB's layout."""
    folder = tmp_path_factory.mktemp("trained")
    words = [f"dataset.root={tiny_regdb}", "dataset.trial=2", *TINY, "train.epochs=1"]
    type_in(folder, "dataset=regdb", *words)
    return only_run(folder) / "checkpoints" / "best.ckpt"


Untrained = Callable[..., Path]


@pytest.fixture(scope="session")
def untrained() -> Untrained:
    """Write a checkpoint of a network as it is drawn into a folder, by the words given."""

    def write(folder: Path, *words: str) -> Path:
        method, learner = small("ddag", "model.graph=false", *words, identities=6)
        path = folder / "drawn.ckpt"
        described = Description(to_plain(method.settings), identities=6, epoch=0, step=0)
        checkpoint.save(path, learner, described)
        return path

    return write


@pytest.fixture(scope="session")
def regdb_checkpoint(
    tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path, untrained: Untrained
) -> Path:
    folder = tmp_path_factory.mktemp("regdb")
    return untrained(folder, "dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.direction=i2v")
