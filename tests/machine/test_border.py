from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ddag.machine.border import Fields, parse_json, read_text, taking
from ddag.machine.errors import InputError


def test_a_text_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("é漢\n", encoding="utf-8")
    assert read_text(file) == "é漢\n"


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_bytes(b"x" * 101),
        lambda path: None,
    ],
)
def test_what_is_no_text_of_bounded_size_is_refused_with_its_name(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "a")
    with pytest.raises(InputError, match=f"{tmp_path}/a: (cannot be read|no such file|is )"):
        read_text(tmp_path / "a", most=100)


@pytest.mark.parametrize(
    "text",
    ["NaN", "-Infinity", "9" * 21, "[" * 10**6, "{", "9" * 10**6],
    ids=range(6),
)
def test_json_without_end_or_number_is_refused_in_one_line(text: str) -> None:
    with (
        pytest.raises(InputError, match="a: is no thing") as caught,
        taking(Path("a"), "thing", "r"),
    ):
        parse_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


TAKEN: list[tuple[Any, Callable[[Fields], object]]] = [
    (math.nan, lambda found: found.number("a", 0, 1)),
    (math.inf, lambda found: found.number("a", 0, 1e300)),
    (10**400, lambda found: found.number("a", 0, 1)),
    (True, lambda found: found.number("a", 0, 1)),
    ("1", lambda found: found.number("a", 0, 1)),
    (-1, lambda found: found.whole("a")),
    (1.0, lambda found: found.whole("a")),
    (2**63, lambda found: found.whole("a")),
    (False, lambda found: found.whole("a")),
    (None, lambda found: found.word("a")),
    ([1], lambda found: found.word("a")),
    ([1, "2"], lambda found: found.numbers("a", 0, 9, count=2)),
    ([1, 2], lambda found: found.numbers("a", 0, 9, count=3)),
    ({1: 2}, lambda found: found.fields("a")),
    ([], lambda found: found.fields("a")),
    ([], lambda found: found.scalar("a")),
    (10**5000, lambda found: found.scalar("a")),
]


@pytest.mark.parametrize(("value", "take"), TAKEN, ids=range(len(TAKEN)))
def test_a_value_of_another_type_is_refused_by_its_name(
    value: Any, take: Callable[[Fields], object]
) -> None:
    with pytest.raises(ValueError, match=r"^a is .* instead of "):
        take(Fields({"a": value}))
    with pytest.raises(KeyError):
        take(Fields({}))


def test_values_of_the_right_type_come_back() -> None:
    found = Fields({"a": 1, "b": {"c": [0, 0.5]}, "d": "x\n", "e": None})
    assert (found.whole("a"), found.number("a", 0, 1), found.scalar("a")) == (1, 1.0, 1)
    assert found.fields("b").numbers("c", 0, 1, count=2) == [0.0, 0.5]
    assert (found.word("d"), found.scalar("e"), found.has("e"), found.has("z")) == (
        "x ", None, False, False,
    )  # fmt: skip
