from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from PIL import Image

from ddag.data.images import read_image
from ddag.data.records import TrainSet
from ddag.datasets.sysu import files as sysu
from ddag.datasets.sysu import prepare as sysu_prepare
from ddag.datasets.sysu import record
from ddag.datasets.sysu.dataset import SYSU, SysuConfig
from ddag.datasets.sysu.protocol import Gallery, Search
from ddag.machine.errors import InputError
from ddag.machine.files import drafting
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig

SIZE = {"height": 16, "width": 8}
FILES = {
    f"train_{word}_resized_{content}.npy" for word in ("rgb", "ir") for content in ("img", "label")
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training people with one or two images for each camera, and a test person."""
    generator = np.random.default_rng(0)
    for camera in range(1, 7):
        for identity in (4, 9):
            folder = tmp_path / f"cam{camera}/{identity:04d}"
            folder.mkdir(parents=True)
            for number in range(1 + (camera + identity) % 2):
                shape = (20 + camera, 10 + number, 3)
                pixels = generator.integers(256, size=shape, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number + 1:04d}.jpg")
    (tmp_path / "exp").mkdir()
    for split, identity in (("train", 9), ("val", 4), ("test", 1)):
        (tmp_path / f"exp/{split}_id.txt").write_text(str(identity))
    return tmp_path


def arrays(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.npy")}


def test_prepared_arrays_hold_every_training_image_and_label(root: Path) -> None:
    sysu_prepare.prepare(root, **SIZE)
    train = sysu.read_train(root)
    for word, records in (("rgb", train.visible), ("ir", train.infrared)):
        pixels = np.load(root / f"train_{word}_resized_img.npy")
        labels = np.load(root / f"train_{word}_resized_label.npy")
        assert (pixels.dtype, pixels.shape) == (np.uint8, (len(records), 16, 8, 3))
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, records.identities)
        for row, path in enumerate(records.paths):
            np.testing.assert_array_equal(pixels[row], read_image(path, **SIZE))


def test_prepared_images_are_288_x_144_unless_told(root: Path) -> None:
    sysu_prepare.prepare(root)
    assert np.load(root / "train_ir_resized_img.npy").shape[1:] == (288, 144, 3)


def test_reading_back_maps_the_pixels_instead_of_loading_them(root: Path, tmp_path: Path) -> None:
    sysu_prepare.prepare(root, target=tmp_path / "elsewhere", **SIZE)
    train = sysu_prepare.read_prepared(tmp_path / "elsewhere", **SIZE)
    assert isinstance(train.visible.pixels, np.memmap)
    assert train.visible.paths[3] == "train_rgb_resized_img.npy[3]"
    assert train.infrared.cameras.tolist() == [0] * len(train.infrared)
    expected = sysu.read_train(root)
    np.testing.assert_array_equal(train.visible.identities, expected.visible.identities)
    np.testing.assert_array_equal(train.infrared.identities, expected.infrared.identities)


def test_a_set_is_prepared_once_all_four_files_are_there(root: Path) -> None:
    assert not sysu_prepare.is_prepared(root)
    sysu_prepare.prepare(root, **SIZE)
    assert sysu_prepare.is_prepared(root)
    assert set(arrays(root)) == FILES
    (root / "train_ir_resized_label.npy").unlink()
    assert not sysu_prepare.is_prepared(root)


def test_progress_counts_the_images_of_both_modalities(root: Path) -> None:
    steps: list[None] = []
    sysu_prepare.prepare(root, **SIZE, advance=lambda: steps.append(None))
    train = sysu.read_train(root)
    assert len(steps) == len(train.visible) + len(train.infrared)


def test_a_broken_image_is_named_and_leaves_nothing_behind(root: Path) -> None:
    (root / "cam6/0009/0001.jpg").write_bytes(b"")
    before = sorted(root.rglob("*"))
    with pytest.raises(InputError, match=r"cam6/0009/0001\.jpg: is empty"):
        sysu_prepare.prepare(root, **SIZE)
    assert sorted(root.rglob("*")) == before


def test_the_draft_of_a_killed_run_is_removed_and_that_of_a_living_one_is_not(root: Path) -> None:
    draft = root / ".preparing-abc"
    draft.mkdir()
    (draft / "train_rgb_resized_img.npy").touch()
    with drafting(root, "none"):  # as a run that is at it
        sysu_prepare.prepare(root, **SIZE)
    assert draft.is_dir()
    sysu_prepare.prepare(root, **SIZE)
    assert not draft.exists()


def test_a_failed_run_leaves_the_earlier_arrays(root: Path) -> None:
    sysu_prepare.prepare(root, **SIZE)
    before = arrays(root)
    (root / "cam6/0009/0001.jpg").write_bytes(b"")
    with pytest.raises(InputError):
        sysu_prepare.prepare(root, height=10, width=5)
    assert arrays(root) == before


def test_a_folder_in_an_arrays_place_is_refused_and_the_other_arrays_stay(root: Path) -> None:
    sysu_prepare.prepare(root, height=8, width=4)
    (root / "train_rgb_resized_img.npy").unlink()
    (root / "train_rgb_resized_img.npy").mkdir()
    before = sorted(path.name for path in root.glob("*.npy"))
    with pytest.raises(InputError, match="is a folder where prepared images go"):
        sysu_prepare.prepare(root, height=8, width=4)
    assert sorted(path.name for path in root.glob("*.npy")) == before


def test_a_stop_between_the_files_leaves_a_set_that_is_not_prepared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysu_prepare.prepare(root, **SIZE)
    replace, moved = Path.replace, []

    def stop_at_the_third(path: Path, target: Path) -> Path:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        sysu_prepare.prepare(root, height=10, width=5)
    assert not sysu_prepare.is_prepared(root)


def test_a_full_disk_is_refused_before_anything_is_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InputError, match="make room"):
        sysu_prepare.prepare(root, **SIZE)


def test_a_target_that_cannot_be_made_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="cannot be written there"):
        sysu_prepare.prepare(root, target=root / "exp/test_id.txt/arrays", **SIZE)


def open_sysu(root: Path, broken: Broken = Broken.refuse) -> SYSU:
    settings = SysuConfig(
        name="sysu", root=str(root), search=Search.all, shots=1, gallery=Gallery.random
    )
    return SYSU(settings, DataConfig(height=16, width=16, test_batch=4, workers=1, broken=broken))


def read_train(root: Path) -> TrainSet:
    return open_sysu(root).list_train()


def write_lists(root: Path, **identities: str) -> None:
    for split, text in identities.items():
        (root / f"exp/{split}_id.txt").write_text(text)


@pytest.mark.parametrize("recorded", [True, False])
def test_arrays_of_identities_that_were_moved_are_refused(root: Path, recorded: bool) -> None:
    shutil.copytree(root / "cam1/0009", root / "cam1/0012")
    shutil.copytree(root / "cam3/0004", root / "cam3/0012")
    write_lists(root, val="4,12")
    assert read_train(root).identity_count == 3
    if not recorded:
        (root / record.NAME).unlink()
        assert read_train(root).identity_count == 3
    write_lists(root, val="4", test="1,12")
    with pytest.raises(InputError, match=f"^{root}: .*by job=prepare$"):
        read_train(root)
    open_sysu(root).prepare()
    assert read_train(root).identity_count == 2


def test_arrays_of_as_many_images_of_other_identities_are_refused(root: Path) -> None:
    for camera in range(1, 7):
        shutil.copytree(root / f"cam{camera}/0009", root / f"cam{camera}/0008")
    read_train(root)
    write_lists(root, train="8", test="1,9")
    with pytest.raises(InputError, match="made from other identities"):
        read_train(root)


def test_an_identity_in_training_and_test_is_refused_whatever_is_prepared(root: Path) -> None:
    read_train(root)
    write_lists(root, test="1,4")
    with pytest.raises(InputError, match=r"identity 4 is in exp/test_id\.txt"):
        read_train(root)


@pytest.mark.parametrize("same_size", [True, False])
def test_arrays_of_images_that_were_replaced_are_refused(root: Path, same_size: bool) -> None:
    read_train(root)
    for path in root.glob("cam*/*/*.jpg"):
        content = path.read_bytes()
        path.write_bytes(content[:-20] + bytes(20 if same_size else 21))
    with pytest.raises(InputError, match="made from other images"):
        read_train(root)


def test_arrays_of_images_that_were_added_or_lost_are_refused(root: Path) -> None:
    read_train(root)
    added = root / "cam1/0004/0009.jpg"
    shutil.copy(root / "cam1/0004/0001.jpg", added)
    with pytest.raises(InputError, match="made from other images"):
        read_train(root)
    (root / record.NAME).unlink()
    with pytest.raises(InputError, match="labels of its prepared arrays are not those"):
        read_train(root)
    added.unlink()
    assert read_train(root).identity_count == 2


def test_arrays_of_the_fields_own_script_are_read(root: Path) -> None:
    open_sysu(root).prepare()
    (root / record.NAME).unlink()
    for word in ("rgb", "ir"):
        file = root / f"train_{word}_resized_label.npy"
        np.save(file, 1 - np.load(file))  # Python's set {4, 9} is in this order: 9, 4
    assert read_train(root).identity_count == 2


def test_labels_that_took_the_place_of_recorded_ones_are_refused(root: Path) -> None:
    read_train(root)
    file = root / "train_ir_resized_label.npy"
    np.save(file, np.load(file)[::-1])
    with pytest.raises(InputError, match="labels of its prepared arrays are not those"):
        read_train(root)


def test_a_data_set_that_moved_keeps_its_arrays(root: Path) -> None:
    read_train(root)
    moved = Path(shutil.copytree(root, root / "elsewhere"))
    assert read_train(moved).identity_count == 2


def test_images_that_were_left_out_stay_out(root: Path) -> None:
    _, broken, other = sysu.read_train(root).visible.paths[:3]
    count = len(sysu.read_train(root).visible)
    Path(broken).write_bytes(b"")
    open_sysu(root, Broken.skip).prepare()
    assert len(read_train(root).visible) == count - 1
    Path(other).write_bytes(b"")
    with pytest.raises(InputError, match="made from other images"):
        read_train(root)


def spoil_the_record(file: Path, how: str) -> None:
    stored = json.loads(file.read_text())
    file.unlink()
    if how == "pipe":
        os.mkfifo(file)
    elif how == "folder":
        file.mkdir()
    elif how.startswith("wrong "):
        file.write_text(json.dumps({**stored, **json.loads(how[6:])}))
    else:
        file.write_text(how)


@pytest.mark.parametrize(
    "how",
    [
        *("pipe", "folder", "", "[]", "{}", "[" * 99_999, '{"height": 1}', "\0", "9" * 5000),
        *('wrong {"identities": "4"}', 'wrong {"left_out": null}', 'wrong {"files": 7}'),
        *('wrong {"height": true}', 'wrong {"width": 8.0}', 'wrong {"more": 1}'),
    ],
    ids=lambda how: how[:30],
)
def test_a_record_of_something_else_is_refused_by_name(root: Path, how: str) -> None:
    read_train(root)
    spoil_the_record(root / record.NAME, how)
    with pytest.raises(InputError, match=rf"{record.NAME}: is .*job=prepare") as caught:
        read_train(root)
    assert "\n" not in str(caught.value)


def write_arrays(
    folder: Path, labels: Optional[np.ndarray] = None, pixels: Optional[np.ndarray] = None
) -> None:
    for word in ("rgb", "ir"):
        default = np.zeros((4, 16, 8, 3), np.uint8)
        np.save(folder / f"train_{word}_resized_img.npy", default if pixels is None else pixels)
        default = np.array([0, 0, 1, 1])
        np.save(folder / f"train_{word}_resized_label.npy", default if labels is None else labels)


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.float64])
def test_labels_of_any_number_type_are_read(tmp_path: Path, kind: type) -> None:
    write_arrays(tmp_path, labels=np.array([0, 0, 1, 1], kind))
    identities = sysu_prepare.read_prepared(tmp_path, **SIZE).visible.identities
    assert identities.dtype == np.int64
    assert identities.tolist() == [0, 0, 1, 1]
    assert type(identities) is np.ndarray


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (np.array([0, 1]), r"holds int64 of shape \(2,\) instead of a number for each of 4"),
        (np.array([0, 0, 2, 2]), "holds other identities than 0 to 1"),
        (np.array(["a", "b", "c", "d"]), ".* instead of a number"),
        (np.array([0, 0, 1, None]), "is no readable array"),
        (np.array([0, 0, 1, 2**64 - 1], np.uint64), "holds other identities than whole numbers"),
        (np.array([0, 0, 1, -1]), "holds other identities than whole numbers"),
        (np.array([0, 0, 1, 0.5]), "holds other identities than whole numbers"),
        (np.array([0, 0, 1, np.nan]), "holds other identities than whole numbers"),
        (np.array([0, 0, 1, 1e300]), "holds other identities than whole numbers"),
        (np.array([[0, 0, 1, 1]]), r"holds int64 of shape \(1, 4\) instead"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: np.ndarray, fault: str) -> None:
    write_arrays(tmp_path, labels=labels)
    with pytest.raises(InputError, match=f"train_rgb_resized_label.npy: {fault}.*job=prepare"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 20, 8, 3), np.uint8),
        np.zeros((4, 16, 8, 3)),
        np.zeros(4, np.uint8),
        np.zeros((0, 16, 8, 3), np.uint8),
    ],
)
def test_pixels_of_another_size_or_type_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    write_arrays(tmp_path, pixels=pixels)
    with pytest.raises(InputError, match=r"instead of uint8 images of 16 x 8; .*job=prepare"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


def test_images_stored_column_by_column_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path, pixels=np.asfortranarray(np.zeros((4, 16, 8, 3), np.uint8)))
    with pytest.raises(InputError, match=r"rgb_resized_img.npy: .*Fortran's order; .*job=prepare"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


@pytest.mark.parametrize("kept", [0, 60, 300])
def test_a_damaged_array_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    write_arrays(tmp_path)
    file = tmp_path / "train_ir_resized_img.npy"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"train_ir_resized_img.npy: is no readable array"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


def test_a_missing_array_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train_rgb_resized_img.npy: no such file"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


def test_broken_images_are_left_out_of_the_arrays_if_they_may_be(root: Path) -> None:
    train = sysu.read_train(root)
    broken = Path(train.infrared.paths[1])
    broken.write_bytes(b"")
    with pytest.raises(InputError, match=broken.name):
        sysu_prepare.prepare(root, **SIZE)
    sysu_prepare.prepare(root, skip_broken=True, **SIZE)
    labels = np.load(root / "train_ir_resized_label.npy")
    np.testing.assert_array_equal(labels, np.delete(train.infrared.identities, 1))
    assert len(np.load(root / "train_ir_resized_img.npy")) == len(labels)
