"""The table of a set of images: its lines read, and each that does not fit refused by number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ddag.datasets.lists import path_within, read_text, whole_number
from ddag.machine.errors import InputError
from ddag.machine.words import quoted
from ddag.settings.choices import Modality

_NAME_IT = "set dataset.table=NAME to the table"
COLUMNS = ("path", "identity", "camera", "modality", "split")


class Split(Enum):
    """What an image is there for."""

    train = "train"
    query = "query"
    gallery = "gallery"


class Row(NamedTuple):
    """One image, and the line of the table that names it; ``path`` lies within the data set."""

    line: int
    path: str
    identity: int
    camera: int
    modality: Modality
    split: Split


def read_table(file: Path) -> list[Row]:
    """The images that a table names, in its order; blank lines are passed over.

    Raises:
        InputError: no such file, or one that is no table of these columns; or a line that does
            not fit, or that says of an image something else than one before it.
    """
    lines = _cells(file)
    first, names = next(lines, (1, []))
    _refuse_header(names, f"{file}:{first}")
    rows = []
    for line, cells in lines:
        if len(cells) != len(names):
            raise InputError(
                f"{file}:{line}: has {len(cells)} cells, the first line {len(names)}; put a path"
                " that holds a comma in quotes"
            )
        rows.append(_to_row(dict(zip(names, cells)), line=line, place=f"{file}:{line}"))
    _refuse_contradictions(rows, file)
    return rows


def _cells(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line of the file that is not blank, cells without blanks around."""
    reader = csv.reader(io.StringIO(read_text(file, remedy=_NAME_IT), newline=""), strict=True)
    while True:
        line = reader.line_num + 1  # where it begins: a cell in quotes may hold line breaks
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{file}:{line}: is no line of a CSV file ({error})") from error
        if any(len(cell.splitlines()) > 1 for cell in cells):
            raise InputError(f"{file}:{line}: a cell goes over several lines; close its quotes")
        if any(cells):
            yield line, cells


def _refuse_header(names: list[str], place: str) -> None:
    if not names:
        raise InputError(f"{place}: the table is empty; begin it with {','.join(COLUMNS)}")
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InputError(
            f"{place}: has no column {', '.join(missing)} among {quoted(', '.join(names))}; the"
            f" first line names the columns, with commas between them: {','.join(COLUMNS)}"
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise InputError(f"{place}: names the column {twice[0]} twice; leave one of them")


def _to_row(cells: dict[str, str], *, line: int, place: str) -> Row:
    path = path_within(cells["path"], f"{place}: path=")
    if path == ".":  # of an empty cell, too
        raise InputError(f"{place}: path={quoted(cells['path'])}: names no file; name an image")
    modality = _choose(cells, "modality", [each.value for each in Modality], place)
    split = _choose(cells, "split", [each.value for each in Split], place)
    return Row(
        line,
        path,
        _number(cells, "identity", place),
        _number(cells, "camera", place),
        Modality(modality),
        Split(split),
    )


def _choose(cells: dict[str, str], column: str, known: list[str], place: str) -> str:
    if cells[column] not in known:
        raise InputError(
            f"{place}: {column}={quoted(cells[column])}: no such {column}; use {' or '.join(known)}"
        )
    return cells[column]


def _number(cells: dict[str, str], column: str, place: str) -> int:
    number = whole_number(cells[column])
    if number is None:
        raise InputError(
            f"{place}: {column}={quoted(cells[column])}: use a whole number from 0 to 2^63 - 1"
        )
    return number


def _refuse_contradictions(rows: list[Row], file: Path) -> None:
    """Refuse an image that is named twice in a split, or as two things."""
    first: dict[str, Row] = {}
    named: dict[tuple[str, Split], int] = {}
    for row in rows:
        before = first.setdefault(row.path, row)
        if before[1:5] != row[1:5]:
            raise InputError(
                f"{file}:{row.line}: {quoted(row.path)} has another identity, camera or modality in"
                f" line {before.line}; an image has one of each"
            )
        line = named.setdefault((row.path, row.split), row.line)
        if line != row.line:
            raise InputError(
                f"{file}:{row.line}: {quoted(row.path)} is in the {row.split.value} by line {line}"
                " already; name it once"
            )
