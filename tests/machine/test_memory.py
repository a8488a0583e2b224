from __future__ import annotations

import errno
from pathlib import Path

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


def test_a_limit_counts_only_where_it_is_below_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "limit",))
    assert (memory.total(), memory.available(), memory.limit()) == (4_096_000, 3_072_000, None)
    for said, expected in (("max", None), ("1000000", 1_000_000), ("9223372036854771712", None)):
        (tmp_path / "limit").write_text(said)
        assert memory.limit() == expected


def test_a_system_that_says_nothing_of_its_memory_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "missing")
    assert (memory.total(), memory.available()) == (0, 0)
