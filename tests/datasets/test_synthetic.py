from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import GeneratedContract
from PIL import Image

from ddag.datasets.direction import Direction
from ddag.datasets.synthetic import LAYOUT
from ddag.people.generate import generate, image_count, sheet
from ddag.people.layout import Labels
from ddag.settings.choices import Modality
from ddag.settings.data import PeopleConfig

IMAGES = 2


class TestSynthetic(GeneratedContract):
    name = "synthetic"
    tiny = "tiny_regdb"
    own: ClassVar = {"trial": 1, "direction": Direction.i2v}
    query, gallery = Modality.infrared, Modality.visible
    generate = PeopleConfig(identities=12, images=4, seed=0)
    counts: ClassVar = {"split 1, train, visible": (6, 24), "split 10, test, infrared": (6, 24)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regdb") / "people"
    generate(folder, layout=LAYOUT, identities=5, images=IMAGES, seed=3)
    return folder


def test_folders_and_images_are_regdbs(root: Path) -> None:
    assert {p.name for p in root.iterdir()} == {"Visible", "Thermal", "idx", "generated.json"}
    for modality in ("Visible", "Thermal"):
        assert sorted(p.name for p in (root / modality).iterdir()) == list("12345")
        images = list((root / modality).glob("*/*.bmp"))
        assert len(images) == 5 * IMAGES
        for image in images:
            with Image.open(image) as opened:
                assert (opened.size, opened.mode) == ((64, 128), "RGB")
    assert image_count(layout=LAYOUT, identities=5, images=IMAGES, seed=3) == 2 * 5 * IMAGES


def test_index_lines_are_a_path_a_blank_and_a_label_from_0(root: Path) -> None:
    assert len(list((root / "idx").iterdir())) == 2 * 2 * 10
    for trial in range(1, 11):
        for split, size in (("train", 2), ("test", 3)):
            labels = {}
            for modality in ("Visible", "Thermal"):
                lines = (root / f"idx/{split}_{modality.lower()}_{trial}.txt").read_text()
                found = re.findall(rf"^({modality}/(\d+)/\S+\.bmp) (\d+)\n", lines, re.MULTILINE)
                assert len(found) == lines.count("\n") == size * IMAGES
                assert all((root / path).is_file() for path, _, _ in found)
                labels[modality] = {int(i): int(label) for _, i, label in found}
            assert labels["Visible"] == labels["Thermal"]
            assert sorted(labels["Visible"].values()) == list(range(size))


def test_no_split_tests_on_a_person_it_trains_on() -> None:
    texts = LAYOUT.plan(12, 1, np.random.default_rng(0), Labels()).texts
    halves = set()
    for trial in range(1, 11):
        train, test = (
            frozenset(re.findall(r"/(\d+)/", texts[f"idx/{split}_visible_{trial}.txt"]))
            for split in ("train", "test")
        )
        assert not train & test
        assert len(train) == len(test) == 6
        halves.add(train)
    assert len(halves) == 10


def test_the_sheet_shows_the_same_images(root: Path) -> None:
    shown = sheet(identities=2, images=2, seed=3)
    with Image.open(root / "Visible/2/v_00002.bmp") as image:
        np.testing.assert_array_equal(shown.crop((68, 132, 132, 260)), image)
