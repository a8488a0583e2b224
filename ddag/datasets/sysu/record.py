"""What prepared arrays were made from, kept beside them: arrays of other images are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ddag.data.fingerprint import fingerprint
from ddag.data.records import TrainSet
from ddag.datasets.sysu import files as sysu
from ddag.machine.errors import InputError
from ddag.machine.reading import read_plain, why_not

NAME = "train_resized_source.json"
AGAIN = "write the arrays anew by job=prepare"
_MOST = 1 << 26  # bytes


@dataclass(frozen=True)
class Source:
    """What arrays are made from.

    Attributes:
        height: of the arrays' images, in pixels.
        width: in pixels.
        identities: of training, as the data set's lists have them, rising.
        left_out: images that could not be read, by their paths in the data set.
        files: fingerprint of the others.
    """

    height: int
    width: int
    identities: list[int]
    left_out: list[str]
    files: str

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Source:
        """What ``write`` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            stored = json.loads(read_plain(path, most=_MOST))
            found = cls(**stored)
            lists = (found.identities, found.left_out)
            numbers = [found.height, found.width, *found.identities]
            texts = [*found.left_out, found.files]
            kinds = ({*map(type, each)} for each in (lists, numbers, texts))
            if [*kinds] != [{list}, {int}, {str}]:
                raise TypeError("values of other types")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            reason = why_not(error) if isinstance(error, OSError) else "is none of ours"
            raise InputError(f"{path}: {reason}; {AGAIN}") from error
        return found


def describe(
    root: Path, train: TrainSet, *, height: int, width: int, left_out: Sequence[str] = ()
) -> Source:
    """What arrays of the images of ``train``, files below ``root``, are made from.

    Raises:
        InputError: an image cannot be read.
    """
    return Source(height, width, sysu.train_identities(root), list(left_out), fingerprint(train))


def within(root: Path, train: TrainSet) -> list[str]:
    """Paths of all images relative to ``root``, the visible ones first."""
    paths = [*train.visible.paths.tolist(), *train.infrared.paths.tolist()]
    return [os.path.relpath(path, root) for path in paths]


def refuse_stale(root: Path, prepared: TrainSet, *, height: int, width: int) -> None:
    """Refuse arrays that were made from other lists or images than the data set has now.

    Where nothing says what they were made from, as beside those of the field's pre_process_sysu.py,
    their labels alone are compared with the lists.

    Args:
        root: of the data set.
        prepared: what the arrays hold.
        height: of the images in them, in pixels.
        width: likewise.

    Raises:
        InputError: they are of others, or training and test share an identity.
    """
    train, path = sysu.read_train(root), root / NAME
    if os.path.lexists(path):
        stored = Source.read(path)
        train = _without(train, root, stored.left_out)
        now = describe(root, train, height=height, width=width, left_out=stored.left_out)
        if stored != now:
            other = "images" if stored.identities == now.identities else "identities"
            raise InputError(
                f"{root}: its prepared arrays were made from other {other} than it has now; {AGAIN}"
            )
    pairs = zip((train.visible, train.infrared), (prepared.visible, prepared.infrared))
    if not _same_labels([(listed.identities, held.identities) for listed, held in pairs]):
        raise InputError(
            f"{root}: the labels of its prepared arrays are not those of the images that exp/ lists"
            f" for training; {AGAIN}"
        )


def _without(train: TrainSet, root: Path, left_out: Sequence[str]) -> TrainSet:
    """The images but those at the relative paths ``left_out``."""
    if not left_out:
        return train
    kept = ~np.isin(within(root, train), left_out)
    visible, infrared = np.split(kept, [len(train.visible)])
    return TrainSet(train.visible.select(visible), train.infrared.select(infrared))


def _same_labels(sides: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether the labels of each side are those that it should have, but for their order.

    The field's script numbers identities in the order of a Python set, mostly rising.
    """
    if any(len(listed) != len(held) for listed, held in sides):
        return False
    pairs = np.concatenate([np.stack(side, axis=1) for side in sides])
    distinct = len(np.unique(pairs, axis=0))
    return all(len(np.unique(column)) == distinct for column in pairs.T)
