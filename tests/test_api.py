"""The framework in a notebook, in a process of its own where it trains."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typed import TINY

import ddag
from ddag.machine.errors import InputError

PATHS = ["Visible/1/v_00001.bmp", "Visible/2/v_00001.bmp", "Visible/2/v_00002.bmp"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> Path:
    """A run that the API trained."""
    folder = tmp_path_factory.mktemp("api") / "run"
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", "device.mode=pynative", *TINY]
    settings = ddag.compose(words)  # a network this small is trained before it is compiled
    settings = replace(settings, train=replace(settings.train, epochs=1))
    result = ddag.train(settings, folder)
    assert result.monitor == "feat_att/rank1"
    assert 0 <= result.score <= 1
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> ddag.api.Model:
    return ddag.load(run / "checkpoints" / "best.ckpt")


def test_a_run_of_the_api_leaves_what_a_command_leaves(run: Path) -> None:
    names = {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}
    assert {"metrics.jsonl", "result.json", "checkpoints/best.ckpt"} <= names


@pytest.mark.parametrize("modality", ["visible", "infrared"])
def test_features_are_float32_rows_of_length_one(
    model: ddag.api.Model, tiny_regdb: Path, modality: str
) -> None:
    features = model.features([tiny_regdb / path for path in PATHS], modality=modality)
    assert features.shape == (3, 512)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def test_files_and_arrays_of_the_same_images_have_the_same_features(
    model: ddag.api.Model, tiny_regdb: Path
) -> None:
    from PIL import Image

    files = [str(tiny_regdb / path) for path in PATHS]
    arrays = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    given = (files, arrays, [files[0], *arrays[1:]])
    one, *others = (model.features(each, modality="visible") for each in given)
    for other in others:
        np.testing.assert_array_equal(one, other)


def test_each_feature_can_be_asked_for_by_name(model: ddag.api.Model, tiny_regdb: Path) -> None:
    paths = [tiny_regdb / PATHS[0]]
    assert model.names == ("feat", "feat_att")
    last = model.features(paths, modality="visible")
    by_name = [model.features(paths, modality="visible", name=name) for name in model.names]
    np.testing.assert_array_equal(last, by_name[1])
    assert (by_name[0] != by_name[1]).any()


@pytest.mark.parametrize(
    ("images", "how", "said"),
    [
        ([], {"modality": "visible"}, "images: there are none"),
        (["none.png"], {"modality": "visible"}, "none.png: no such file"),
        (["none.png"], {"modality": "thermal"}, "modality=thermal: use one of visible, infrared"),
        (["none.png"], {"modality": "visible", "name": "pool"}, "name=pool: the network has feat"),
        ([np.zeros((4, 4))], {"modality": "visible"}, "give (H, W, 3) uint8"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(
    model: ddag.api.Model, images: list, how: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        model.features(images, **how)
    assert said in str(caught.value)


def test_a_ranking_is_the_gallery_nearest_first() -> None:
    query = np.array([[1, 0], [0, 1]], np.float32)
    gallery = np.array([[0.6, 0.8], [1, 0], [-1, 0]], np.float32)
    assert ddag.rank(query, gallery).tolist() == [[1, 0, 2], [0, 1, 2]]
    with pytest.raises(InputError, match="give a row of C numbers"):
        ddag.rank(query, gallery[:, :1])


def test_settings_are_those_of_the_command_line() -> None:
    settings = ddag.compose(["model=baseline", "dataset.generate.pictures=4"])
    assert settings.model.name == "baseline"
    assert settings.dataset.generate is not None
    assert settings.dataset.generate.images == 4
    with pytest.raises(InputError, match=r"model\.part=99"):
        ddag.compose(["model.part=99"])


def test_importing_the_package_and_composing_import_no_mindspore() -> None:
    script = (
        "import sys, ddag\n"
        "assert 'hydra' not in sys.modules\n"
        "ddag.compose(['model.part=0'])\n"
        "print('mindspore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
