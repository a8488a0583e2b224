"""Words from outside, made harmless for where they go."""

from __future__ import annotations

import re

# What a terminal would obey, what ends a line, what turns the reading direction round, and what
# neither UTF-8 nor XML has.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_FORMULA = re.compile(r"\s*[=+\-@]")
_HARMLESS = re.compile(r"-|[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_QUOTED = 80
LONGEST = 500  # letters of what is shown in one line


def printable(words: object) -> str:
    """In one line, with a sign in place of what no line of text has."""
    return _UNPRINTABLE.sub("\ufffd", re.sub(r"\s", " ", str(words)))


def shortened(words: object, longest: int = LONGEST) -> str:
    """As ``printable``, cut off where it grows long."""
    text = printable(words)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def quoted(words: str) -> str:
    """In quotes and one line, cut off where it grows long."""
    return repr(shortened(words, _QUOTED))


def duration(seconds: float) -> str:
    """As h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def counted(number: int, what: str) -> str:
    """So many of what is said in the singular: ``1 epoch``, ``4 epochs``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def cell(text: str) -> str:
    """For a table that a spreadsheet may open: never a formula.

    A dash and a number stay what they are.
    """
    begins = _FORMULA.match(text) and not _HARMLESS.fullmatch(text)
    return f"'{text}" if begins else text
