"""docs/extending.md's recipes: a method and a data set of one's own, outside of this repository."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from plugins import install
from typed import TINY, only_run, read_metrics, type_in


class Installed(NamedTuple):
    """Where the two packages are."""

    conf: str  # the word that names their YAML
    environment: dict[str, str]
    images: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> Installed:
    folder = tmp_path_factory.mktemp("site")
    conf = install(folder)
    images = folder / "images"
    for ours, theirs in (("Visible", "visible"), ("Thermal", "infrared")):
        shutil.copytree(tiny_regdb / ours, images / theirs)
    return Installed(f"--config-dir={conf}", {"PYTHONPATH": str(folder)}, images)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, installed: Installed) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    sizes = [word for word in TINY if not word.startswith(("model.low_dim", "model.heads"))]
    words = ["model=toy", "dataset=folders", f"dataset.root={installed.images}", "model.pull=0.02"]
    type_in(folder, installed.conf, *words, *sizes, environment=installed.environment)
    return folder


@pytest.mark.slow
def test_a_method_and_a_data_set_of_ones_own_train_together(trained: Path) -> None:
    lines = read_metrics(only_run(trained))
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        shared = line["train/loss_id"] + line["train/loss_triplet"]
        assert line["train/loss"] == pytest.approx(shared + line["train/loss_pull"], rel=1e-5)
    result = json.loads((only_run(trained) / "result.json").read_text())
    assert set(result["metrics"]) == {"feat"}
    assert result["protocol"]["dataset"] == "folders"


@pytest.mark.slow
def test_their_checkpoint_is_evaluated_as_any_other(
    trained: Path, installed: Installed, tmp_path: Path
) -> None:
    run = only_run(trained)
    word = f"checkpoint={run / 'checkpoints' / 'best.ckpt'}"
    type_in(tmp_path, "job=evaluate", word, environment=installed.environment)
    again = json.loads((only_run(tmp_path) / "result.json").read_text())
    first = json.loads((run / "result.json").read_text())
    assert again["metrics"] == first["metrics"]


def test_their_limits_are_said_as_any_others(installed: Installed, tmp_path: Path) -> None:
    words = [installed.conf, "model=toy", "model.pull=-1"]
    done = type_in(tmp_path, *words, code=2, environment=installed.environment)
    assert done.stderr.strip() == "error: model.pull=-1.0: use 0 or more"


@pytest.mark.slow
def test_without_the_package_its_checkpoint_says_what_is_missing(
    trained: Path, tmp_path: Path
) -> None:
    word = f"checkpoint={only_run(trained) / 'checkpoints' / 'best.ckpt'}"
    (line,) = type_in(tmp_path, "job=evaluate", word, code=2).stderr.strip().splitlines()
    assert "install the package that brings it" in line
