"""metrics.csv: the lines of metrics.jsonl as a table, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from ddag.machine.files import write_text
from ddag.machine.words import cell
from ddag.runs import epochs
from ddag.runs.loggers.logger import Beginning, Logger

NAME = "metrics.csv"


class CsvFile(Logger):
    """A table with a row an epoch; a value that an epoch has not is left empty."""

    def __init__(self, beginning: Beginning) -> None:
        """Begin with the epochs that metrics.jsonl keeps."""
        self._path = Path(beginning.folder, NAME)
        self._rows: list[Mapping[str, float]] = list(epochs.read(self._path.with_suffix(".jsonl")))
        self._write()

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add a row; the table is written anew, since an epoch may bring columns along."""
        self._rows.append({"epoch": epoch, **values})
        self._write()

    def close(self, *, finished: bool) -> None:
        """Nothing is left to be written."""

    def _write(self) -> None:
        names = list(dict.fromkeys(["epoch", *(name for row in self._rows for name in row)]))
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(map(cell, names))
        table.writerows([row.get(name, "") for name in names] for row in self._rows)
        write_text(self._path, text.getvalue())
