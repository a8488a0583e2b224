from __future__ import annotations

import logging
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import DatasetContract

from ddag.datasets.sysu import files
from ddag.datasets.sysu.prepare import is_prepared
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality


def lose_a_camera(root: Path) -> str:
    (root / "cam4").rename(root / "elsewhere")
    return "cam4/ is missing there"


def spoil_a_list(root: Path) -> str:
    (root / "exp" / "test_id.txt").write_text("1,two")
    return "test_id.txt: 'two' is not an identity"


class TestSYSU(DatasetContract):
    name = "sysu"
    tiny = "tiny_sysu"
    own: ClassVar = {"search": Search.all, "shots": 1, "gallery": Gallery.random}
    query, gallery = Modality.infrared, Modality.visible
    counts: ClassVar = {
        "camera 1, test": (4, 12),
        "train and val, visible": (16, 159),
        "train and val, infrared": (16, 87),
        "query": (4, 24),
        "gallery, all, one shot": (4, 16),
        "gallery, indoor, one shot": (4, 8),
    }
    refused: ClassVar = {"a missing camera": lose_a_camera, "a malformed list": spoil_a_list}

    def train_image(self, root: Path) -> Path:
        return Path(files.read_train(root).infrared.paths[1])

    def test_it_needs_no_preparing(self, root: Path) -> None:
        """It does."""
        self.open(root).prepare()
        assert is_prepared(root)

    def test_training_reads_what_was_prepared(self, root: Path) -> None:
        train = self.open(root).list_train()
        assert is_prepared(root)
        assert isinstance(train.visible.pixels, np.memmap)
        assert self.open(root).load(train) is train

    def test_its_description_says_how_the_galleries_are_drawn(self, root: Path) -> None:
        assert self.open(root, search=Search.indoor).describe() == {
            "dataset": "sysu", "search": "indoor", "gallery": "random", "shots": 1, "galleries": 10,
        }  # fmt: skip

    def test_it_has_ten_galleries_and_the_cmc_counts_identities(self, root: Path) -> None:
        dataset = self.open(root)
        assert len(dataset.read_test().trials) == 10
        assert dataset.protocol.cmc_counts == "identities"

    def test_published_counts_stand_beside_the_own(self, root: Path) -> None:
        counts, _ = self.open(root).count()
        published = {count.what: count[3:] for count in counts}
        assert published["train and val, visible"] == (395, 22258)
        assert published["train and val, infrared"] == (395, 11909)
        assert published["query"] == (96, 3803)
        assert published["gallery, all, one shot"] == (None, 301)
        assert published["gallery, indoor, one shot"] == (None, 112)
        assert published["camera 3, val"] == (None, None)

    def test_counting_names_what_is_passed_over(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (root / "cam1" / "Thumbs.db").touch()
        with caplog.at_level(logging.WARNING):
            self.open(root).count()
        assert "cam1/Thumbs.db: passed over" in caplog.text

    def test_other_shots_than_the_protocols_are_refused(self, root: Path) -> None:
        with pytest.raises(InputError, match=r"dataset\.shots=5: "):
            self.open(root, shots=5)
