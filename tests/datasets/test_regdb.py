from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddag.datasets import regdb
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

FOLDERS = {"visible": "Visible", "thermal": "Thermal"}


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
    test = regdb.read_test(root, trial=1, direction="v2i")
    assert test.query.identities.tolist() == [1, 0]
    assert test.gallery.identities.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("direction", "query", "gallery"),
    [
        ("v2i", Modality.visible, Modality.infrared),
        ("i2v", Modality.infrared, Modality.visible),
    ],
)
def test_direction_decides_query_and_gallery(
    root: Path, direction: str, query: Modality, gallery: Modality
) -> None:
    test = regdb.read_test(root, trial=1, direction=direction)  # type: ignore[arg-type]
    assert (test.query.modality, test.gallery.modality) == (query, gallery)
    folders = {Modality.visible: "Visible", Modality.infrared: "Thermal"}
    assert f"/{folders[query]}/" in test.query.paths[0]
    assert f"/{folders[gallery]}/" in test.gallery.paths[0]


def test_the_two_modalities_have_different_cameras(root: Path) -> None:
    test = regdb.read_test(root, trial=1, direction="v2i")
    assert test.query.cameras.tolist() == [1, 1]
    assert test.gallery.cameras.tolist() == [2, 2]


def test_the_gallery_is_one_trial_of_all_its_images(root: Path) -> None:
    (rows,) = regdb.read_test(root, trial=1, direction="i2v").trials
    np.testing.assert_array_equal(rows, [0, 1])


def test_names_with_blanks_and_blank_lines_are_read(root: Path) -> None:
    write_list(root, "test", "visible", "\n  Visible/21/a b  c.bmp\t1 \n\nVisible/20/a.bmp 0")
    paths = regdb.read_test(root, trial=1, direction="v2i").query.paths
    assert paths.tolist() == [str(root / "Visible/21/a b  c.bmp"), str(root / "Visible/20/a.bmp")]


@pytest.mark.parametrize(
    "line", ["Visible/21/a.bmp", "Visible/21/a.bmp x", "a.bmp 1.5", "a.bmp -1"]
)
def test_a_malformed_line_is_named_with_its_number(root: Path, line: str) -> None:
    write_list(root, "test", "visible", f"Visible/20/a.bmp 0\n\n{line}\n")
    with pytest.raises(InputError, match=r"test_visible_1\.txt:3: "):
        regdb.read_test(root, trial=1, direction="v2i")


@pytest.mark.parametrize("path", ["../other/a.bmp", "Visible/../../a.bmp", "/etc/a.bmp"])
def test_a_path_out_of_the_data_set_is_refused(root: Path, path: str) -> None:
    write_list(root, "test", "visible", f"{path} 0\n")
    with pytest.raises(InputError, match=r"test_visible_1\.txt:1: .* leads out"):
        regdb.read_test(root, trial=1, direction="v2i")


def test_an_empty_list_is_refused(root: Path) -> None:
    write_list(root, "test", "visible", "\n")
    with pytest.raises(InputError, match="names no image"):
        regdb.read_test(root, trial=1, direction="v2i")


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
        regdb.read_test(tmp_path / "nowhere", trial=1, direction="v2i")
    message = str(error.value)
    assert message.startswith(f"dataset.root={tmp_path / 'nowhere'}: no such folder; ")
    for word in ("DBPerson-Recog-DB1", "Dongguk", "Visible/", "Thermal/", "idx/", "dataset.root="):
        assert word in message
    assert "\n" not in message


def test_a_missing_list_is_named(root: Path) -> None:
    with pytest.raises(InputError, match=r"idx/train_visible_4.txt is missing"):
        regdb.read_train(root, trial=4)


def test_an_unknown_direction_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match=r"dataset.direction=t2v"):
        regdb.read_test(root, trial=1, direction="t2v")  # type: ignore[arg-type]
