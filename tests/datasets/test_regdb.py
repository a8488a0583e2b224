from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import DatasetContract

from ddag.datasets import regdb
from ddag.datasets.direction import Direction
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

FOLDERS = {"visible": "Visible", "thermal": "Thermal"}


def lose_a_list(root: Path) -> str:
    (root / "idx" / "train_visible_2.txt").unlink()
    return "idx/train_visible_2.txt is missing there"


def spoil_a_list(root: Path) -> str:
    (root / "idx" / "test_thermal_2.txt").write_text("Thermal/1/a.bmp one\n")
    return "test_thermal_2.txt:1: 'Thermal/1/a.bmp one' is not a path"


class TestRegDB(DatasetContract):
    name = "regdb"
    tiny = "tiny_regdb"
    own: ClassVar = {"trial": 2, "direction": Direction.v2i}
    counts: ClassVar = {
        f"split {trial}, {split}, {modality}": (6, 24)
        for trial in range(1, 11)
        for split in ("train", "test")
        for modality in ("visible", "infrared")
    }
    refused: ClassVar = {"a missing list": lose_a_list, "a malformed line": spoil_a_list}

    def test_its_description_has_direction_and_split(self, root: Path) -> None:
        said = {"dataset": "regdb", "direction": "v2i", "trial": 2}
        assert self.open(root).describe() == said

    def test_nothing_is_passed_over(self, root: Path) -> None:
        dataset = self.open(root)
        test = dataset.read_test()
        assert not dataset.protocol.excluded(test.query, test.gallery).any()
        assert dataset.protocol.cmc_counts == "images"

    def test_published_counts_stand_beside_the_own(self, root: Path) -> None:
        counts, _ = self.open(root).count()
        assert {count[3:] for count in counts} == {(206, 2060)}

    def test_a_split_beyond_the_ten_is_refused(self, root: Path) -> None:
        for trial in (0, 11):
            with pytest.raises(InputError, match=rf"dataset\.trial={trial}: "):
                self.open(root, trial=trial)


def write_list(root: Path, split: str, word: str, text: str) -> None:
    (root / "idx").mkdir(exist_ok=True)
    (root / "idx" / f"{split}_{word}_1.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Training people 12, 3 and 8 with labels 7, 4 and 9; test people 20 and 21."""
    for word, folder in FOLDERS.items():
        train = f"{folder}/12/a.bmp 7\n{folder}/3/a.bmp 4\n{folder}/8/a.bmp 9\n{folder}/3/b.bmp 4\n"
        write_list(tmp_path, "train", word, train)
        write_list(tmp_path, "test", word, f"{folder}/21/a.bmp 1\n{folder}/20/a.bmp 0\n")
    return tmp_path


def test_training_labels_become_contiguous_in_both_modalities(root: Path) -> None:
    train = regdb.read_train(root, trial=1)
    assert train.visible.identities.tolist() == [1, 0, 2, 0]
    assert train.infrared.identities.tolist() == [1, 0, 2, 0]
    assert train.identity_count == 3


def test_paths_keep_the_files_order(root: Path) -> None:
    train = regdb.read_train(root, trial=1)
    assert train.visible.paths[1] == str(root / "Visible/3/a.bmp")
    assert train.infrared.paths[3] == str(root / "Thermal/3/b.bmp")


def test_test_identities_stay_as_in_the_file(root: Path) -> None:
    test = regdb.read_test(root, trial=1, direction=Direction.v2i)
    assert test.query.identities.tolist() == [1, 0]
    assert test.gallery.identities.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("direction", "query", "gallery"),
    [
        (Direction.v2i, Modality.visible, Modality.infrared),
        (Direction.i2v, Modality.infrared, Modality.visible),
    ],
)
def test_direction_decides_query_and_gallery(
    root: Path, direction: Direction, query: Modality, gallery: Modality
) -> None:
    test = regdb.read_test(root, trial=1, direction=direction)
    assert (test.query.modality, test.gallery.modality) == (query, gallery)
    folders = {Modality.visible: "Visible", Modality.infrared: "Thermal"}
    assert f"/{folders[query]}/" in test.query.paths[0]
    assert f"/{folders[gallery]}/" in test.gallery.paths[0]


def test_the_two_modalities_have_different_cameras(root: Path) -> None:
    test = regdb.read_test(root, trial=1, direction=Direction.v2i)
    assert test.query.cameras.tolist() == [1, 1]
    assert test.gallery.cameras.tolist() == [2, 2]


def test_the_gallery_is_one_trial_of_all_its_images(root: Path) -> None:
    (rows,) = regdb.read_test(root, trial=1, direction=Direction.i2v).trials
    np.testing.assert_array_equal(rows, [0, 1])


def test_names_with_blanks_and_blank_lines_are_read(root: Path) -> None:
    write_list(root, "test", "visible", "\n  Visible/21/a b  c.bmp\t1 \n\nVisible/20/a.bmp 0")
    paths = regdb.read_test(root, trial=1, direction=Direction.v2i).query.paths
    assert paths.tolist() == [str(root / "Visible/21/a b  c.bmp"), str(root / "Visible/20/a.bmp")]


@pytest.mark.parametrize(
    "line",
    [
        "Visible/21/a.bmp",
        "Visible/21/a.bmp x",
        "a.bmp 1.5",
        "a.bmp -1",
        f"a.bmp {2**63}",
        "a.bmp " + "9" * 5000,
    ],
    ids=lambda line: line[:20],
)
def test_a_malformed_line_is_named_with_its_number(root: Path, line: str) -> None:
    write_list(root, "test", "visible", f"Visible/20/a.bmp 0\n\n{line}\n")
    with pytest.raises(InputError, match=r"test_visible_1\.txt:3: "):
        regdb.read_test(root, trial=1, direction=Direction.v2i)


@pytest.mark.parametrize("path", ["../other/a.bmp", "Visible/../../a.bmp", "/etc/a.bmp"])
def test_a_path_out_of_the_data_set_is_refused(root: Path, path: str) -> None:
    write_list(root, "test", "visible", f"{path} 0\n")
    with pytest.raises(InputError, match=r"test_visible_1\.txt:1: .* leads out"):
        regdb.read_test(root, trial=1, direction=Direction.v2i)


def test_a_list_that_is_no_text_is_named_with_its_line(root: Path) -> None:
    file = root / "idx" / "test_visible_1.txt"
    for content, said in (
        (b"Visible/20/a.bmp 0\nVisible/2\0/a.bmp 1\n", ":2: holds a NUL byte"),
        (b"Visible/20/a.bmp 0\n\nVisible/\xff/a.bmp 1\n", ":3: is not UTF-8"),
        ("Visible/20/a.bmp 0\n".encode("utf-16"), ":1: holds a NUL byte"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError) as caught:
            regdb.read_test(root, trial=1, direction=Direction.v2i)
        assert str(caught.value).startswith(f"{file}{said}; ")


@pytest.mark.parametrize("line", ["x" * 10_000_000, "x/" * 3000 + "a.bmp 0", "a" * 99_999 + " -1"])
def test_a_line_that_is_far_too_long_is_refused_in_few_words(root: Path, line: str) -> None:
    write_list(root, "test", "visible", f"Visible/20/a.bmp 0\n{line}\n")
    with pytest.raises(InputError, match=r"test_visible_1\.txt:2: ") as caught:
        regdb.read_test(root, trial=1, direction=Direction.v2i)
    assert len(str(caught.value)) < 400


def test_a_list_with_a_byte_order_mark_is_read(root: Path) -> None:
    write_list(root, "test", "visible", "\ufeffVisible/20/a.bmp 0\nVisible/21/a.bmp 1\n")
    paths = regdb.read_test(root, trial=1, direction=Direction.v2i).query.paths
    assert paths[0] == str(root / "Visible/20/a.bmp")


def test_an_empty_list_is_refused(root: Path) -> None:
    write_list(root, "test", "visible", "\n")
    with pytest.raises(InputError, match="names no image"):
        regdb.read_test(root, trial=1, direction=Direction.v2i)


def test_a_training_identity_in_one_modality_only_is_named(root: Path) -> None:
    write_list(root, "train", "thermal", "Thermal/12/a.bmp 7\nThermal/8/a.bmp 9\n")
    with pytest.raises(InputError, match=r"train_thermal_1.txt: identity 4 has no infrared"):
        regdb.read_train(root, trial=1)


def test_a_person_in_training_and_test_is_named(root: Path) -> None:
    write_list(root, "test", "thermal", "Thermal/20/a.bmp 0\nThermal/8/b.bmp 1\n")
    with pytest.raises(InputError, match="Thermal/8 is in the training set and in the test"):
        regdb.read_train(root, trial=1)


def test_a_missing_root_says_where_to_ask_and_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        regdb.read_test(tmp_path / "nowhere", trial=1, direction=Direction.v2i)
    message = str(error.value)
    assert message.startswith(f"dataset.root={tmp_path / 'nowhere'}: no such folder; ")
    for word in ("DBPerson-Recog-DB1", "Dongguk", "Visible/", "Thermal/", "idx/", "dataset.root="):
        assert word in message
    assert "\n" not in message


def test_a_missing_list_is_named(root: Path) -> None:
    with pytest.raises(InputError, match=r"idx/train_visible_4.txt is missing"):
        regdb.read_train(root, trial=4)
