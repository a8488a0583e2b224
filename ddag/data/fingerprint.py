"""What tells one training set from another: names, identities, sizes and, sampled, contents."""

# N images.

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ddag.data.images import MOST_BYTES
from ddag.data.records import Records, TrainSet
from ddag.machine.errors import InputError
from ddag.machine.reading import read_plain, why_not

SAMPLED = 256  # images of each modality whose contents count, evenly spread; of fewer, all


def fingerprint(train_set: TrainSet) -> str:
    """Of the training images in their order, ``<names>-<contents>``, each SHA-256 in hexadecimal.

    The first is over names and identities, the second over the size of every file and the contents
    of a sample. Where the images are no files, as in prepared arrays, their pixels stand in.

    Raises:
        InputError: a file cannot be read.
    """
    names, contents = hashlib.sha256(), hashlib.sha256()
    for records in (train_set.visible, train_set.infrared):
        joined = "\n".join(Path(path).name for path in records.paths)
        names.update(joined.encode("utf-8", "surrogateescape"))
        names.update(records.identities.astype(np.int64).tobytes())
        sizes = [_size(path) for path in records.paths.tolist()]
        contents.update(np.array(sizes, np.int64).tobytes())
        count = len(records)
        for row in np.linspace(0, count - 1, min(count, SAMPLED)).astype(np.int64):
            contents.update(hashlib.sha256(_content(records, row, sizes[row])).digest())
    return f"{names.hexdigest()}-{contents.hexdigest()}"


def same_images(theirs: str, ours: str) -> bool:
    """Whether two fingerprints are of the same images; of earlier versions it is of names alone."""
    return theirs in (ours, ours.partition("-")[0])


def _size(path: str) -> int:
    """Bytes of a file; -1 where there is none."""
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return -1


def _content(records: Records, row: int, size: int) -> bytes:
    if size < 0 and records.pixels is not None:
        return records.pixels[row].tobytes()
    path = records.paths[row]
    try:
        return read_plain(path, most=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {why_not(error)}; restore the file from the data set") from error
