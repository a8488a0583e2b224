"""metrics.jsonl of a run folder, a line an epoch: written by ``Tracker``, read here alone."""

from __future__ import annotations

from pathlib import Path

from ddag.machine.border import Fields, parse_json, read_text, taking
from ddag.machine.words import printable

METRICS = "metrics.jsonl"
MOST = 20_000  # lines: more would take minutes to draw
_LARGEST = 1e40  # value: float32, of which losses are, ends before


def read(path: Path) -> list[dict[str, float]]:
    """The lines of a file, each the values of an epoch by name; none where there is no file.

    The last line counts only if it is whole: a run may be writing it.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    if not path.is_symlink() and not path.exists():
        return []
    text = read_text(path)
    with taking(path, "list of a run's epochs", "move it away, or train anew"):
        lines = text.split("\n")[:-1]
        if len(lines) > MOST:
            raise ValueError(f"more than {MOST} lines")
        return [_line(Fields(parse_json(line))) for line in lines]


def _line(found: Fields) -> dict[str, float]:
    values: dict[str, float] = {"epoch": found.whole("epoch")}
    for name in found.names:
        if name != "epoch":
            values[printable(name)] = found.number(name, -_LARGEST, _LARGEST)
    return values
