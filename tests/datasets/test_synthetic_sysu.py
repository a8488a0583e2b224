from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest
from dataset_contract import GeneratedContract
from PIL import Image

from ddag.datasets.synthetic_sysu import LAYOUT
from ddag.datasets.sysu import files
from ddag.datasets.sysu.prepare import is_prepared
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.people.generate import generate
from ddag.settings.choices import Modality
from ddag.settings.data import PeopleConfig


class TestSyntheticSYSU(GeneratedContract):
    name = "synthetic_sysu"
    tiny = "tiny_sysu"
    own: ClassVar = {"search": Search.indoor, "shots": 10, "gallery": Gallery.random}
    query, gallery = Modality.infrared, Modality.visible
    generate = PeopleConfig(identities=20, images=3, seed=0)
    counts: ClassVar = {"camera 1, test": (4, 12)}

    def train_image(self, root: Path) -> Path:
        return Path(files.read_train(root).infrared.paths[1])

    def test_it_needs_no_preparing(self, root: Path) -> None:
        """It does."""
        self.open(root).prepare()
        assert is_prepared(root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sysu") / "people"
    generate(folder, layout=LAYOUT, identities=20, images=1, seed=3)
    return folder


def test_folders_and_images_are_sysus(root: Path) -> None:
    names = {f"cam{camera}" for camera in range(1, 7)}
    assert {p.name for p in root.iterdir()} == names | {"exp", "generated.json"}
    images = list(root.glob("cam*/*/*"))
    assert all(re.fullmatch(r"cam[1-6]/\d{4}/\d{4}\.jpg", str(p.relative_to(root))) for p in images)
    sizes = set()
    for image in images:
        with Image.open(image) as opened:
            sizes.add(opened.size)
    assert len(sizes) > len(images) // 2


def test_identities_are_split_once_and_have_gaps(root: Path) -> None:
    splits = {}
    for name in ("train", "val", "test"):
        text = (root / f"exp/{name}_id.txt").read_text()
        assert re.fullmatch(r"\d+(,\d+)*\n", text)
        splits[name] = [int(i) for i in text.split(",")]
    everyone = sorted(splits["train"] + splits["val"] + splits["test"])
    assert [len(splits[name]) for name in ("train", "val", "test")] == [12, 4, 4]
    assert everyone == sorted({int(p.name) for p in root.glob("cam*/*")})
    assert everyone != list(range(everyone[0], everyone[-1] + 1))


def test_everyone_is_seen_in_both_modalities_and_the_tested_indoors(root: Path) -> None:
    cameras: dict[int, set[int]] = {}
    for folder in root.glob("cam*/*"):
        cameras.setdefault(int(folder.name), set()).add(int(folder.parent.name[3:]))
    assert all(seen & {1, 2, 4, 5} and seen & {3, 6} for seen in cameras.values())
    assert any(seen != {1, 2, 3, 4, 5, 6} for seen in cameras.values())
    tested = (root / "exp/test_id.txt").read_text().split(",")
    assert all(1 in cameras[int(identity)] for identity in tested)
