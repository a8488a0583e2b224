from __future__ import annotations

import errno

import numpy as np
import pytest

from ddag.machine import memory

MINDSPORES = """
----------------------------------------------------
- Memory not enough:
----------------------------------------------------
Memory isn't enough and alloc failed, kernel name: Default/Conv2D-op0, alloc size: 805306368B.
"""


@pytest.mark.parametrize(
    ("error", "lacking", "needed"),
    [
        (MemoryError(), True, ""),
        (RuntimeError(MINDSPORES), True, "0.8 GB"),
        (RuntimeError(MINDSPORES.replace("805306368", "32")), True, ""),
        (RuntimeError("std::bad_alloc"), True, ""),
        (RuntimeError("could not create a primitive"), True, ""),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True, ""),
        (OSError(errno.ENOENT, "No such file"), False, ""),
        (RuntimeError("shapes do not match"), False, ""),
        (ValueError("out of memory"), False, ""),
    ],
)
def test_too_little_memory_is_told_from_other_failures(
    error: Exception, lacking: bool, needed: str
) -> None:
    assert memory.is_lacking(error) is lacking
    assert memory.needed(error) == needed


def test_what_numpy_asked_for_is_read_from_its_words() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((1 << 21, 1 << 30), np.float32)
    assert memory.needed(caught.value) == "9,007,199.3 GB"


def test_the_innermost_module_that_is_known_says_what_to_lower() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((1 << 21, 1 << 30), np.float32)
    here = __name__
    assert memory.asked_by(caught.value, {here: ("ours",)}) == ("ours",)
    assert memory.asked_by(caught.value, {"_pytest": ("outer",), here: ("ours",)}) == ("ours",)
    assert memory.asked_by(caught.value, {"ddag.": ("theirs",)}) == ()
