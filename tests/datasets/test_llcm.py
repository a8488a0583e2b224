from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import DatasetContract

from ddag.datasets import llcm
from ddag.datasets.direction import Direction
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "protocol_llcm.json").read_text())


def lose_a_list(root: Path) -> str:
    (root / "idx" / "train_nir.txt").unlink()
    return "idx/train_nir.txt is missing there; LLCM is given on request"


def lose_the_test_identities(root: Path) -> str:
    (root / "idx" / "test_id.txt").unlink()
    return "idx/test_id.txt is missing there"


def label_by_a_word(root: Path) -> str:
    (root / "idx" / "train_vis.txt").write_text("vis/0001/a.jpg zero\n")
    return "train_vis.txt:1: 'vis/0001/a.jpg zero' is not a path, a blank and a whole number"


def label_by_a_fraction(root: Path) -> str:
    (root / "idx" / "train_vis.txt").write_text("vis/0001/a.jpg 1.5\n")
    return "train_vis.txt:1: 'vis/0001/a.jpg 1.5' is not"


def leave_the_root(root: Path) -> str:
    (root / "idx" / "train_nir.txt").write_text("nir/../../0001/a.jpg 0\n")
    return "train_nir.txt:1: 'nir/../../0001/a.jpg'"


def list_in_no_text(root: Path) -> str:
    (root / "idx" / "train_vis.txt").write_bytes(b"vis/0001/a.jpg 0\nvis/\xff\xfe 1\n")
    return "train_vis.txt:2: is not UTF-8"


def identities_in_a_pipe(root: Path) -> str:
    (root / "idx" / "test_id.txt").unlink()
    os.mkfifo(root / "idx" / "test_id.txt")
    return "idx/test_id.txt is missing there"


def train_on_the_test(root: Path) -> str:
    (root / "idx" / "train_vis.txt").write_text("test_vis/cam1/0001/a.jpg 0\n")
    return "train_vis.txt: 'test_vis/cam1/0001/a.jpg' is an image of the test"


def lose_an_identity_in_one_modality(root: Path) -> str:
    file = root / "idx" / "train_nir.txt"
    kept = [line for line in file.read_text().splitlines() if not line.endswith(" 1")]
    file.write_text("\n".join(kept))
    return "train_nir.txt: identity 1 has no infrared image here"


def name_an_identity_without_folders(root: Path) -> str:
    file = root / "idx" / "test_id.txt"
    file.write_text(file.read_text().strip() + ",777,12345\n")
    return "test_id.txt: identity 777 has no folder 0777 in any camera of the test (2 such"


def name_an_identity_by_a_word(root: Path) -> str:
    (root / "idx" / "test_id.txt").write_text("1,2,x3\n")
    return "test_id.txt: 'x3' is not an identity"


def name_no_identity(root: Path) -> str:
    (root / "idx" / "test_id.txt").write_text("\n")
    return "test_id.txt: names no identity"


def lose_a_camera(root: Path) -> str:
    shutil.rmtree(root / "test_nir" / "cam4")
    return "test_nir/cam4/ is missing there; LLCM is given on request"


def lose_the_infrared_test(root: Path) -> str:
    for image in (root / "test_nir").rglob("*.jpg"):
        image.unlink()
    return "test_nir/ has no image of a test identity"


class TestLLCM(DatasetContract):
    name = "llcm"
    tiny = "tiny_llcm"
    own: ClassVar = {"direction": Direction.v2i}
    counts: ClassVar = {"train, visible": (6, 46), "all": (9, 152)}
    refused: ClassVar = {
        spoil.__name__: spoil
        for spoil in (
            lose_a_list,
            lose_the_test_identities,
            label_by_a_word,
            label_by_a_fraction,
            leave_the_root,
            list_in_no_text,
            identities_in_a_pipe,
            train_on_the_test,
            lose_an_identity_in_one_modality,
            name_an_identity_without_folders,
            name_an_identity_by_a_word,
            name_no_identity,
            lose_a_camera,
            lose_the_infrared_test,
        )
    }

    @pytest.mark.parametrize(
        ("direction", "query", "gallery"),
        [(Direction.v2i, "visible", "infrared"), (Direction.i2v, "infrared", "visible")],
    )
    def test_its_description_is_the_whole_rule(
        self, root: Path, direction: Direction, query: str, gallery: str
    ) -> None:
        assert self.open(root, direction=direction).describe() == {
            "dataset": "llcm",
            "direction": direction.value,
            "query": f"every {query} image",
            "gallery": f"one {gallery} image of each person and camera",
            "galleries": 10,
        }

    def test_published_counts_stand_beside_the_own(self, root: Path) -> None:
        counts, _ = self.open(root).count()
        assert {count.what: count[3:] for count in counts} == {
            "train, visible": (713, 16946),
            "train, infrared": (713, 13975),
            "test, visible": (351, 8680),
            "test, infrared": (351, 7166),
            "all": (1064, 46767),
        }
        images = [count.published_images for count in counts]
        assert sum(images[:4]) == images[4]

    def test_what_no_list_names_is_named(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = self.open(root).count()
        (root / "test_vis/cam3/9000").mkdir()
        person = next((root / "test_nir/cam5").iterdir())
        (person / "notes.txt").touch()
        assert self.open(root).count() == before
        said = [message for message in caplog.messages if "passed over" in message]
        assert [message.partition(":")[0] for message in said] == [
            str(root / "test_vis/cam3/9000"),
            str(person / "notes.txt"),
        ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The made-up test listing of the reference, in empty files."""
    for modality, cameras in llcm.CAMERAS.items():
        for camera in cameras:
            (tmp_path / f"test_{llcm.FILE_WORD[modality]}" / f"cam{camera}").mkdir(parents=True)
    for folder, names in REFERENCE["files"].items():
        (tmp_path / folder).mkdir()
        for name in reversed(names):
            (tmp_path / folder / name).touch()
    (tmp_path / "idx").mkdir()
    (tmp_path / "idx/test_id.txt").write_text(REFERENCE["test_id_txt"])
    return tmp_path


def relative(root: Path, paths: np.ndarray) -> list[str]:
    return [path[len(str(root)) + 1 :] for path in paths]


@pytest.mark.parametrize("direction", Direction)
def test_query_and_ten_galleries_are_the_originals(root: Path, direction: Direction) -> None:
    test = llcm.read_test(root, direction=direction)
    query = direction.query.value
    assert relative(root, test.query.paths) == REFERENCE["query"][query]
    assert test.query.cameras.tolist() == REFERENCE["query_cameras"][query]
    assert (test.query.modality, test.gallery.modality) == (direction.query, direction.gallery)
    assert len(test.trials) == 10
    for trial, rows in enumerate(test.trials):
        paths = relative(root, test.gallery.paths[rows])
        assert paths == REFERENCE["gallery"][direction.gallery.value][str(trial)]


def test_cameras_and_identities_are_those_of_the_folders(root: Path) -> None:
    test = llcm.read_test(root, direction=Direction.v2i)
    for records in (test.query, test.gallery):
        folders = [path.split("/")[1:3] for path in relative(root, records.paths)]
        assert [f"cam{camera}" for camera in records.cameras] == [camera for camera, _ in folders]
        assert [f"{i:04d}" for i in records.identities] == [identity for _, identity in folders]


def test_drawing_leaves_pythons_generator_alone(root: Path) -> None:
    random.seed(5)
    expected = random.random()
    random.seed(5)
    llcm.read_test(root, direction=Direction.i2v)
    assert random.random() == expected


def test_a_query_passes_over_its_own_identity_by_its_own_camera_alone(root: Path) -> None:
    test = llcm.read_test(root, direction=Direction.v2i)
    gallery = test.gallery.select(test.trials[0])
    excluded = llcm.LLCM.protocol.excluded(test.query, gallery)
    same = test.query.identities[:, None] == gallery.identities
    here = test.query.cameras[:, None] == gallery.cameras
    np.testing.assert_array_equal(excluded, same & here)
    assert 0 < excluded.sum() < same.sum()
    assert llcm.LLCM.protocol.cmc_counts == "identities"


def test_no_infrared_camera_hangs_at_place_3() -> None:
    assert llcm.CAMERAS[Modality.visible] == (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert llcm.CAMERAS[Modality.infrared] == (1, 2, 4, 5, 6, 7, 8, 9)


def write_lists(root: Path, **lists: str) -> None:
    (root / "idx").mkdir(exist_ok=True)
    for word, text in lists.items():
        (root / "idx" / f"train_{word}.txt").write_text(text)


def test_training_labels_become_contiguous_in_both_modalities_in_the_lists_order(
    tmp_path: Path,
) -> None:
    write_lists(
        tmp_path,
        vis="vis/0012/b.jpg 7\nvis/0003/a.jpg 4\nvis/0012/a.jpg 7\n",
        nir="nir/0003/c.jpg 4\n\nnir/0012/a b.jpg\t7",
    )
    train = llcm.read_train(tmp_path)
    assert train.visible.identities.tolist() == [1, 0, 1]
    assert train.infrared.identities.tolist() == [0, 1]
    assert relative(tmp_path, train.visible.paths) == [
        "vis/0012/b.jpg",
        "vis/0003/a.jpg",
        "vis/0012/a.jpg",
    ]
    assert train.infrared.paths[1] == str(tmp_path / "nir/0012/a b.jpg")
    assert (train.visible.modality, train.infrared.modality) == tuple(Modality)


def test_a_missing_root_says_where_to_ask_and_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        llcm.read_test(tmp_path / "nowhere", direction=Direction.v2i)
    message = str(error.value)
    assert message.startswith(f"dataset.root={tmp_path / 'nowhere'}: no such folder; ")
    for word in ("github.com/ZYK100/LLCM", "idx/", "test_vis/", "test_nir/", "dataset.root="):
        assert word in message
    assert "\n" not in message
