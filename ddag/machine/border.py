"""What someone else may have written: read with a bound, and taken only as what it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

from ddag.machine.errors import InputError
from ddag.machine.reading import read_plain, why_not
from ddag.machine.words import printable, shortened

MOST = 16 << 20  # bytes of a file that is read whole: far more than this framework writes
LARGEST = 2**63 - 1  # whole number
_DIGITS = 20  # of a whole number in JSON: converting a million of them takes minutes

Scalar = Union[str, int, float, bool, None]


@contextmanager
def taking(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong with the content of a file into one line with its name.

    Args:
        path: of the file.
        what: it should be, such as ``result of a run``.
        remedy: what would do.

    Raises:
        InputError: anything was raised in the block.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # whatever parsers make of arbitrary bytes
        reason = str(error) or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"{error.args[0]} is missing"
        raise InputError(
            f"{printable(path)}: is no {what} ({shortened(reason, 200)}); {remedy}"
        ) from error


def read_text(path: Path, most: int = MOST) -> str:
    """The text of a regular file in UTF-8.

    Raises:
        InputError: it cannot be read, is no regular file, larger than ``most`` bytes, or no text.
    """
    try:
        return read_plain(path, most=most).decode("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{printable(path)}: {shortened(why_not(error), 200)}; restore it, or move it away"
        ) from error


def parse_json(text: str) -> Any:
    """What the text says.

    Raises:
        ValueError: it is no JSON, or holds NaN, Infinity or a number without end.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"{digits[:_DIGITS]}... is too large")
    return int(digits)


class Fields:
    """A mapping from outside; each value is taken as the type that it should have.

    All methods raise KeyError for a missing field and ValueError for one of another type.
    """

    def __init__(self, value: object, place: str = "") -> None:
        """Take a value as a mapping from words.

        Args:
            value: from outside.
            place: its own name, for messages.
        """
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _mistyped(place or "the whole", value, "names with values")
        self._values, self._place = value, place

    @property
    def names(self) -> list[str]:
        """Of the fields."""
        return list(self._values)

    def has(self, name: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self._values.get(name) is not None

    def is_list(self, name: str) -> bool:
        """Whether several values stand there."""
        return isinstance(self._values[name], list)

    def fields(self, name: str) -> Fields:
        """A mapping."""
        return Fields(self._values[name], self._called(name))

    def word(self, name: str) -> str:
        """A string, printable."""
        value = self._values[name]
        if not isinstance(value, str):
            raise _mistyped(self._called(name), value, "a word")
        return printable(value)

    def words(self, name: str) -> list[str]:
        """A list of strings, printable."""
        values = self._values[name]
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise _mistyped(self._called(name), values, "a list of words")
        return [printable(value) for value in values]

    def number(self, name: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        return _number(self._values[name], self._called(name), low, high)

    def numbers(self, name: str, low: float, high: float, *, count: int) -> list[float]:
        """A list of ``count`` numbers from ``low`` to ``high``."""
        values = self._values[name]
        if not isinstance(values, list) or len(values) != count:
            raise _mistyped(self._called(name), values, f"{count} numbers")
        return [_number(value, self._called(name), low, high) for value in values]

    def whole(self, name: str, low: int = 0, high: int = LARGEST) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._values[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _mistyped(self._called(name), value, f"a whole number from {low} to {high}")
        return value

    def scalar(self, name: str) -> Scalar:
        """A word, printable, a number, a truth value or None."""
        value = self._values[name]
        if isinstance(value, str):
            return printable(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self.whole(name, -LARGEST)
        return self.number(name, -LARGEST, LARGEST)

    def _called(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name


def _number(value: object, name: str, low: float, high: float) -> float:
    # A comparison, since a large int has no float; NaN fails it, too.
    wrong = not isinstance(value, (int, float)) or isinstance(value, bool)
    if wrong or not low <= value <= high:  # type: ignore[operator]
        raise _mistyped(name, value, f"a number from {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


def _mistyped(name: str, value: object, wanted: str) -> ValueError:
    if isinstance(value, int) and abs(value) > LARGEST:
        shown = "a number beyond 64 bits"  # Python would refuse to write some of them out
    elif isinstance(value, (str, int, float)):
        shown = shortened(repr(value), 60)
    else:
        shown = type(value).__name__
    return ValueError(f"{shortened(name, 60)} is {shown} instead of {wanted}")
