from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import GeneratedContract
from PIL import Image

from ddag.datasets.direction import Direction
from ddag.datasets.synthetic_llcm import LAYOUT
from ddag.people.generate import generate
from ddag.people.layout import Labels
from ddag.settings.choices import Modality
from ddag.settings.data import PeopleConfig


class TestSyntheticLLCM(GeneratedContract):
    name = "synthetic_llcm"
    tiny = "tiny_llcm"
    own: ClassVar = {"direction": Direction.i2v}
    query, gallery = Modality.infrared, Modality.visible
    generate = PeopleConfig(identities=9, images=2, seed=0)
    counts: ClassVar = {"train, visible": (6, 46), "all": (9, 152)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llcm") / "people"
    generate(folder, layout=LAYOUT, identities=12, images=1, seed=3)
    return folder


def test_folders_and_images_are_llcms(root: Path) -> None:
    held = {"idx", "vis", "nir", "test_vis", "test_nir", "generated.json"}
    assert {p.name for p in root.iterdir()} == held
    images = [str(path.relative_to(root)) for path in root.rglob("*.jpg")]
    for path in images:
        train = re.fullmatch(r"(vis|nir)/(\d{4})/\2_c0[1-9]_s\d{6}_f\d{4}_\1\.jpg", path)
        test = re.fullmatch(
            r"test_(vis|nir)/cam([1-9])/(\d{4})/\3_c0\2_s\d{6}_f\d{4}_\1\.jpg", path
        )
        assert train or test, path
    assert not any("nir/cam3" in path or ("_c03_" in path and "_nir" in path) for path in images)
    sizes = set()
    for path in images:
        with Image.open(root / path) as opened:
            sizes.add(opened.size)
    assert len(sizes) > len(images) // 2


def test_the_lists_name_each_training_image_with_a_label_from_0(root: Path) -> None:
    labels = {}
    for word in ("vis", "nir"):
        text = (root / f"idx/train_{word}.txt").read_text()
        found = re.findall(rf"^({word}/(\d{{4}})/\S+\.jpg) (\d+)\n", text, re.MULTILINE)
        assert len(found) == text.count("\n")
        assert {path for path, _, _ in found} == {
            str(path.relative_to(root)) for path in (root / word).rglob("*.jpg")
        }
        labels[word] = {identity: int(label) for _, identity, label in found}
    assert labels["vis"] == labels["nir"]
    assert sorted(labels["vis"].values()) == list(range(8))


def test_the_tested_are_a_third_and_not_trained_on(root: Path) -> None:
    tested = (root / "idx/test_id.txt").read_text()
    assert re.fullmatch(r"\d+(,\d+){3}\n", tested)
    folders = {int(path.name) for path in root.glob("test_*/cam*/*")}
    assert folders == {int(word) for word in tested.split(",")}
    assert not folders & {int(path.name) for path in root.glob("vis/*")}


def test_everyone_passes_two_cameras_of_each_modality() -> None:
    seen: dict[tuple[int, Modality], set[int]] = {}
    for shot in LAYOUT.plan(60, 1, np.random.default_rng(0), Labels()).shots:
        seen.setdefault((shot.identity, shot.modality), set()).add(shot.camera)
    assert len(seen) == 120
    assert all(len(cameras) >= 2 for cameras in seen.values())


@pytest.mark.parametrize("identities", [4, 9, 60])
def test_no_camera_is_without_a_tested_person(identities: int) -> None:
    shots = LAYOUT.plan(identities, 1, np.random.default_rng(0), Labels()).shots
    folders = {shot.path.rpartition("/")[0].rpartition("/")[0] for shot in shots}
    expected = {f"test_vis/cam{n}" for n in range(1, 10)} | {
        f"test_nir/cam{n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)
    }
    assert {folder for folder in folders if folder.startswith("test_")} == expected


def test_no_two_images_share_their_randomness() -> None:
    shots = LAYOUT.plan(20, 3, np.random.default_rng(0), Labels()).shots
    assert len({(shot.identity, shot.camera, shot.number) for shot in shots}) == len(shots)
    assert len({shot.path for shot in shots}) == len(shots)
