"""What the readers of lists share: numbers, paths that stay in the data set, identities from 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Optional, Union

import numpy as np

from ddag.data.records import Records

_MAX_DIGITS = 19  # of a 64-bit number
_MAX_NUMBER = 2**63 - 1


def whole_number(word: str) -> Optional[int]:
    """The number that ``word`` is, 0 to 2**63 - 1; None where it is none."""
    if not word.isdecimal() or len(word) > _MAX_DIGITS:
        return None
    number = int(word)
    return number if number <= _MAX_NUMBER else None


def path_within(word: str) -> Optional[str]:
    """The path relative to a root that ``word`` is; None where it leads out of the root."""
    path = PurePosixPath(word)
    return None if path.is_absolute() or ".." in path.parts else str(path)


def relabel(records: Records, identities: Union[np.ndarray, Sequence[int]]) -> Records:
    """The records with each identity's place among the rising ``identities`` in its stead."""
    return replace(records, identities=np.searchsorted(identities, records.identities))
