from __future__ import annotations

from pathlib import Path

import pytest

from ddag.datasets.sysu import files as sysu
from ddag.machine.errors import InputError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Training person 30, validation person 2, test person 5; every camera's folder is there."""
    for camera in range(1, 7):
        touch(tmp_path, *(f"cam{camera}/{person}/0001.jpg" for person in ("0030", "0002", "0005")))
    for split, text in (("train", "30"), ("val", "2"), ("test", "5")):
        touch(tmp_path, f"exp/{split}_id.txt")
        (tmp_path / f"exp/{split}_id.txt").write_text(f"{text}\n")
    return tmp_path


def test_training_takes_train_and_val_identities_in_rising_order(root: Path) -> None:
    train = sysu.read_train(root)
    assert train.visible.identities.tolist() == [0] * 4 + [1] * 4
    assert train.infrared.identities.tolist() == [0] * 2 + [1] * 2
    assert all("/0002/" in path for path in train.visible.paths[:4])


def test_visible_and_infrared_cameras_are_told_apart(root: Path) -> None:
    train = sysu.read_train(root)
    assert train.visible.cameras.tolist() == [1, 2, 4, 5] * 2
    assert train.infrared.cameras.tolist() == [3, 6] * 2


def test_files_stand_by_identity_camera_and_name(root: Path) -> None:
    touch(root, "cam2/0002/0011.jpg", "cam2/0002/0003.jpg")
    paths = [path[len(str(root)) + 1 :] for path in sysu.read_train(root).visible.paths[:4]]
    names = ["0001", "0003", "0011"]
    assert paths == ["cam1/0002/0001.jpg", *(f"cam2/0002/{name}.jpg" for name in names)]


def test_hidden_files_and_other_files_are_passed_over(root: Path) -> None:
    touch(root, *(f"cam1/0002/{name}" for name in (".0002.jpg", "Thumbs.db", "0007.PNG", "a.txt")))
    names = [Path(path).name for path in sysu.list_images(root, 1, 2)]
    assert names == ["0001.jpg", "0007.PNG"]


def test_a_person_that_a_camera_never_saw_has_no_images(root: Path) -> None:
    assert sysu.list_images(root, 1, 77) == []


def test_camera_and_identity_do_not_depend_on_the_length_of_a_name(root: Path) -> None:
    touch(root, "cam4/0002/a much longer name.jpeg")
    train = sysu.read_train(root)
    row = [path.endswith("name.jpeg") for path in train.visible.paths].index(True)
    assert (train.visible.cameras[row], train.visible.identities[row]) == (4, 0)


@pytest.mark.parametrize("text", ["7,8,9", "9, 8 ,7\n", "8,7,\n9\n", "\ufeff7,8,9"])
def test_identities_are_read_in_rising_order(root: Path, text: str) -> None:
    (root / "exp/test_id.txt").write_text(text, encoding="utf-8")
    assert sysu.read_identities(root, "test") == [7, 8, 9]


@pytest.mark.parametrize(
    ("text", "fault"),
    [("1,x2", "'x2'"), ("1.5", "'1.5'"), ("9" * 5000, "'999"), ("\n", "names no")],
)
def test_a_malformed_identity_list_is_named(root: Path, text: str, fault: str) -> None:
    (root / "exp/val_id.txt").write_text(text)
    with pytest.raises(InputError, match=f"val_id.txt: {fault}") as caught:
        sysu.read_train(root)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"1,\0,2", "holds a NUL byte"),
        (b"1,2,\xff", "is not UTF-8"),
        (b"\xff\xfe1\0", "holds a NUL"),
    ],
)
def test_an_identity_list_that_is_no_text_is_named(root: Path, content: bytes, fault: str) -> None:
    (root / "exp/val_id.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"val_id.txt:1: {fault}"):
        sysu.read_train(root)


def test_a_test_identity_in_the_training_set_is_named(root: Path) -> None:
    (root / "exp/test_id.txt").write_text("5,30")
    with pytest.raises(InputError, match=r"identity 30 is in exp/test_id.txt"):
        sysu.read_train(root)


def test_a_training_identity_in_one_modality_only_is_named(root: Path) -> None:
    for camera in (3, 6):
        (root / f"cam{camera}/0030/0001.jpg").unlink()
    with pytest.raises(InputError, match="training identity 30 has no infrared image"):
        sysu.read_train(root)


def test_a_missing_camera_is_named(root: Path) -> None:
    (root / "cam4").rename(root / "elsewhere")
    with pytest.raises(InputError, match="cam4/ is missing"):
        sysu.read_train(root)


def test_a_missing_list_is_named(root: Path) -> None:
    (root / "exp/train_id.txt").unlink()
    with pytest.raises(InputError, match=r"exp/train_id.txt is missing"):
        sysu.read_train(root)


def test_a_missing_root_says_where_to_ask_and_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        sysu.read_train(tmp_path / "nowhere")
    message = str(error.value)
    assert message.startswith(f"dataset.root={tmp_path / 'nowhere'}: no such folder; ")
    for word in ("github.com/wuancong/SYSU-MM01", "cam1/", "exp/", "dataset.root="):
        assert word in message
    assert "\n" not in message


def test_what_is_passed_over_for_its_name_is_listed(root: Path) -> None:
    wrong = ["cam1/0002/Thumbs.db", "cam2/2/0001.jpg", "cam3/notes.txt"]
    touch(root, *wrong)
    found = [path[len(str(root)) + 1 :] for path in sysu.strays(root)]
    assert found == ["cam1/0002/Thumbs.db", "cam2/2", "cam3/notes.txt"]
