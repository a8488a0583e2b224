from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from PIL import Image

from ddag.data.images import read_image
from ddag.datasets.sysu import files as sysu
from ddag.datasets.sysu import prepare as sysu_prepare
from ddag.machine.errors import InputError

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


def test_a_failed_run_leaves_the_earlier_arrays(root: Path) -> None:
    sysu_prepare.prepare(root, **SIZE)
    before = arrays(root)
    (root / "cam6/0009/0001.jpg").write_bytes(b"")
    with pytest.raises(InputError):
        sysu_prepare.prepare(root, height=10, width=5)
    assert arrays(root) == before


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
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: np.ndarray, fault: str) -> None:
    write_arrays(tmp_path, labels=labels)
    with pytest.raises(InputError, match=f"train_rgb_resized_label.npy: {fault}.*job=prepare"):
        sysu_prepare.read_prepared(tmp_path, **SIZE)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 20, 8, 3), np.uint8), np.zeros((4, 16, 8, 3)), np.zeros(4, np.uint8)]
)
def test_pixels_of_another_size_or_type_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    write_arrays(tmp_path, pixels=pixels)
    with pytest.raises(InputError, match=r"instead of uint8 images of 16 x 8; .*job=prepare"):
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
