from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ddag.data.fingerprint import SAMPLED, fingerprint, same_images
from ddag.data.records import Records, TrainSet
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality


@pytest.fixture
def train_set(tmp_path: Path) -> TrainSet:
    """Two modalities of ten files; nothing here decodes them."""
    sides = []
    for modality in Modality:
        paths = [tmp_path / f"{modality.value}_{number}.png" for number in range(10)]
        for path in paths:
            path.write_bytes(path.name.encode())
        rows = np.arange(10)
        sides.append(Records(np.array([str(path) for path in paths]), rows, rows, modality))
    return TrainSet(*sides)


def test_the_same_files_have_the_same_fingerprint_wherever_they_lie(
    train_set: TrainSet, tmp_path: Path
) -> None:
    ours = fingerprint(train_set)
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in train_set.infrared.paths:
        Path(path).rename(moved / Path(path).name)
    paths = np.array([str(moved / Path(path).name) for path in train_set.infrared.paths])
    train_set = replace(train_set, infrared=replace(train_set.infrared, paths=paths))
    assert fingerprint(train_set) == ours


def test_images_replaced_under_their_names_have_another(train_set: TrainSet) -> None:
    ours = fingerprint(train_set)
    for path in train_set.visible.paths:
        Path(path).write_bytes(Path(path).read_bytes()[::-1])  # of the same sizes
    theirs = fingerprint(train_set)
    assert not same_images(ours, theirs)
    assert ours.partition("-")[0] == theirs.partition("-")[0]


def test_one_image_of_another_size_has_another_though_it_is_not_sampled(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3 * SAMPLED)]
    for path in paths:
        path.touch()
    rows = np.arange(len(paths))
    records = Records(np.array([str(path) for path in paths]), rows, rows, Modality.visible)
    ours = fingerprint(TrainSet(records, records))
    paths[1].write_bytes(b"1")
    assert fingerprint(TrainSet(records, records)) != ours


def test_images_that_are_no_files_are_known_by_their_pixels(train_set: TrainSet) -> None:
    pixels = np.zeros((10, 4, 2, 3), np.uint8)
    paths = np.array([f"array.npy[{row}]" for row in range(10)])
    records = replace(train_set.visible, paths=paths, pixels=pixels)
    ours = fingerprint(TrainSet(records, records))
    pixels[9] += 1
    assert fingerprint(TrainSet(records, records)) != ours


def test_a_fingerprint_of_an_earlier_version_is_of_names_and_identities(
    train_set: TrainSet,
) -> None:
    digest = hashlib.sha256()
    for records in (train_set.visible, train_set.infrared):
        digest.update("\n".join(Path(path).name for path in records.paths).encode())
        digest.update(records.identities.astype(np.int64).tobytes())
    ours = fingerprint(train_set)
    assert same_images(digest.hexdigest(), ours)
    assert not same_images(hashlib.sha256(b"others").hexdigest(), ours)
    assert not same_images("", ours)


def test_a_name_in_no_encoding_has_a_fingerprint(train_set: TrainSet) -> None:
    old = Path(train_set.visible.paths[0])
    new = old.rename(old.with_name("\udcff.png"))
    paths = np.array([str(new), *train_set.visible.paths[1:]])
    named = replace(train_set, visible=replace(train_set.visible, paths=paths))
    assert fingerprint(named) != fingerprint(replace(named, visible=train_set.infrared))


def test_an_image_that_is_gone_is_refused_by_name(train_set: TrainSet) -> None:
    Path(train_set.visible.paths[0]).unlink()
    with pytest.raises(InputError, match=r"visible_0\.png: no such file; restore"):
        fingerprint(train_set)
