"""SYSU-MM01's training images decoded once into arrays on disk, and read back memory-mapped.

The four files have the names and the content that the field's pre_process_sysu.py gives them, and
files made by that script serve as well.
"""

# N images, H x W pixels.

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

import numpy as np

from ddag.data.images import read_images, readable
from ddag.data.records import Records, TrainSet
from ddag.datasets.sysu import files as sysu
from ddag.datasets.sysu import record
from ddag.datasets.sysu.record import AGAIN, Source
from ddag.machine.arrays import map_array
from ddag.machine.errors import InputError
from ddag.machine.files import drafting
from ddag.settings.choices import Modality

_FILE_WORD = {Modality.visible: "rgb", Modality.infrared: "ir"}
_DRAFT = ".preparing-"


def _file_name(modality: Modality, content: str) -> str:
    return f"train_{_FILE_WORD[modality]}_resized_{content}.npy"


_IMAGES = tuple(_file_name(modality, "img") for modality in Modality)
_LABELS = tuple(_file_name(modality, "label") for modality in Modality)
_ARRAYS = (*_IMAGES, *_LABELS)


def is_prepared(folder: Path) -> bool:
    """Whether all four arrays are there."""
    return all((folder / name).is_file() for name in _ARRAYS)


def prepare(
    root: Path,
    *,
    target: Optional[Path] = None,
    height: int = 288,
    width: int = 144,
    skip_broken: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Writes images and labels of the training set as four ``.npy`` files, and what they are of.

    Images stream from disk to disk. The files appear under their names only once all are
    complete, the labels last, so that an interrupted run leaves a set that is not prepared rather
    than one that is wrong.

    Args:
        root: folder of the data set.
        target: folder of the arrays; without it, ``root``.
        height: of the stored images.
        width: of the stored images.
        skip_broken: leave out and log the images that cannot be read.
        advance: called after each image, of both modalities.

    Raises:
        InputError: what ``sysu.read_train`` and ``read_image`` refuse, or no room on the disk.
    """
    folder = target or root
    _refuse_folders(folder)
    listed = sysu.read_train(root)
    train = _without_broken(listed) if skip_broken else listed
    # Said of the images before they are decoded, lest it be said of others that took their place.
    source = _source(root, listed, train, height, width)
    count = len(train.visible) + len(train.infrared)
    with _draft(folder, count * height * width * 3) as draft:
        source.write(draft / record.NAME)
        _write(train, draft, height=height, width=width, advance=advance)
        _publish(draft, folder)


def read_prepared(folder: Path, *, height: int, width: int) -> TrainSet:
    """The training set from the four arrays; its pixels stay on disk until they are used.

    Raises:
        InputError: a file is missing or damaged, or its content is not what ``prepare`` writes.
    """
    visible = _read_modality(folder, Modality.visible, height, width)
    infrared = _read_modality(folder, Modality.infrared, height, width)
    labels = np.union1d(visible.identities, infrared.identities)
    for records in (visible, infrared):
        if not np.array_equal(np.unique(records.identities), np.arange(len(labels))):
            raise InputError(
                f"{folder / _file_name(records.modality, 'label')}: holds other identities than"
                f" 0 to {len(labels) - 1}, or lacks one of them; {AGAIN}"
            )
    return TrainSet(visible, infrared)


def _without_broken(train: TrainSet) -> TrainSet:
    """The images of ``train`` that can be read."""
    visible, infrared = (
        records.select(readable(records, skip_broken=True))
        for records in (train.visible, train.infrared)
    )
    return TrainSet(visible, infrared)


@contextmanager
def _draft(folder: Path, needed: int) -> Iterator[Path]:
    """A folder to fill with ``needed`` bytes in ``folder``, gone after the block.

    Raises:
        InputError: they cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with drafting(folder, rf"{re.escape(_DRAFT)}.*"):
            _refuse_full_disk(folder, needed)
            with TemporaryDirectory(dir=folder, prefix=_DRAFT) as draft:
                yield Path(draft)
    except OSError as error:
        raise InputError(
            f"{folder}: the prepared images cannot be written there ({error});"
            " make room or give yourself the right to write"
        ) from error


def _refuse_folders(folder: Path) -> None:
    """Refuse what a file cannot replace, before an image is decoded or a label removed."""
    for path in (folder / name for name in (*_ARRAYS, record.NAME)):
        if path.is_dir():
            raise InputError(f"{path}: is a folder where prepared images go; move it away")


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: the prepared images take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB"
            " are free; make room"
        )


def _write(
    train: TrainSet, draft: Path, *, height: int, width: int, advance: Callable[[], None]
) -> None:
    """All four arrays into ``draft``."""
    for records in (train.visible, train.infrared):
        np.save(draft / _file_name(records.modality, "label"), records.identities)
        with (draft / _file_name(records.modality, "img")).open("wb") as file:
            shape = (len(records), height, width, 3)
            # Plain writes, not a memory map: on a full disk these fail with an error, and a map
            # kills the process.
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
            for image in read_images(records.paths.tolist(), height=height, width=width):
                file.write(image.tobytes())
                advance()


def _source(root: Path, listed: TrainSet, kept: TrainSet, height: int, width: int) -> Source:
    """What the arrays are made from: the images ``kept`` of those that are listed."""
    paths = set(record.within(root, kept))
    left_out = [path for path in record.within(root, listed) if path not in paths]
    return record.describe(root, kept, height=height, width=width, left_out=left_out)


def _publish(draft: Path, folder: Path) -> None:
    """Moves the files to their places such that at no time new images stand by old labels."""
    for path in draft.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    for name in _LABELS:
        (folder / name).unlink(missing_ok=True)
    for name in (*_IMAGES, record.NAME, *_LABELS):
        (draft / name).replace(folder / name)


def _read_modality(folder: Path, modality: Modality, height: int, width: int) -> Records:
    pixels_file = folder / _file_name(modality, "img")
    labels_file = folder / _file_name(modality, "label")
    pixels, labels = (map_array(file, remedy=AGAIN) for file in (pixels_file, labels_file))
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3) or not len(pixels):
        raise InputError(
            f"{pixels_file}: holds {pixels.dtype} of shape {pixels.shape} instead of uint8"
            f" images of {height} x {width}; {AGAIN}"
        )
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iuf":
        raise InputError(
            f"{labels_file}: holds {labels.dtype} of shape {labels.shape} instead of a number for"
            f" each of {len(pixels)} images; {AGAIN}"
        )
    if not pixels.flags.c_contiguous:
        raise InputError(f"{pixels_file}: holds its images in Fortran's order; {AGAIN}")
    if not np.isin(labels, np.arange(len(labels))).all():
        raise InputError(
            f"{labels_file}: holds other identities than whole numbers from 0 on; {AGAIN}"
        )
    return Records(
        paths=np.array([f"{pixels_file.name}[{row}]" for row in range(len(pixels))]),
        identities=np.array(labels, np.int64),
        cameras=np.zeros(len(pixels), np.int64),
        modality=modality,
        pixels=pixels,
    )
