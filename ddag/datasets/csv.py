"""Any set of images that a table lists: which person, camera and modality, for what it is there.

The table is CSV in UTF-8, its first line names the columns, in any order; others are passed over::

    path,identity,camera,modality,split
    visible/0012/1.png,12,1,visible,train

Paths are relative to the data set's folder. ``split`` is train, query or gallery, ``modality`` is
visible or infrared, ``identity`` and ``camera`` are whole numbers: the same person has the same
number everywhere. Query and gallery hold one modality each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from ddag.data.protocol import (
    Protocol,
    exclude_camera,
    exclude_identity_and_camera,
    exclude_nothing,
)
from ddag.data.records import Records, TestSet, TrainSet
from ddag.datasets.dataset import Count, Dataset
from ddag.datasets.lists import relabel
from ddag.datasets.table import Row, Split, read_table
from ddag.machine.errors import InputError
from ddag.settings.choices import Choice, Modality
from ddag.settings.data import DatasetConfig


class Exclude(Choice):
    """Which gallery images a query passes over."""

    none = "none"
    camera = "camera"  # all by the query's camera
    identity_and_camera = "identity_and_camera"  # of the query's identity by the query's camera


class CmcCounts(Choice):
    """What a rank of the CMC is: one image, or one identity however many images of it there are."""

    images = "images"
    identities = "identities"


@dataclass
class CsvConfig(DatasetConfig):
    """Images listed in a table."""

    table: str = MISSING  # relative to root
    exclude: Exclude = MISSING  # gallery images that a query skips
    cmc_counts: CmcCounts = MISSING  # what a rank of the CMC counts


_RULES = {
    Exclude.none: exclude_nothing,
    Exclude.camera: exclude_camera,
    Exclude.identity_and_camera: exclude_identity_and_camera,
}


class Csv(Dataset[CsvConfig]):
    """The images of one table."""

    config = CsvConfig
    split_keys = ("table",)  # tables beside one another list splits of the same images

    @property
    def protocol(self) -> Protocol:
        """As the settings have it."""
        return Protocol(_RULES[self.settings.exclude], self.settings.cmc_counts.value)

    def describe(self) -> dict[str, Any]:
        """Which table, and the rules."""
        return {
            **super().describe(),
            "root": self.settings.root,
            "table": self.settings.table,
            "exclude": self.settings.exclude.value,
            "cmc_counts": self.settings.cmc_counts.value,
        }

    def _list_train(self) -> TrainSet:
        rows = self._read()[Split.train]
        by_modality = {
            modality: [row for row in rows if row.modality is modality] for modality in Modality
        }
        if not rows:
            raise InputError(f"{self._file}: names no image with split train; add them")
        self._refuse_missing(by_modality)
        identities = sorted({row.identity for row in rows})
        visible, infrared = (
            relabel(self._to_records(by_modality[modality]), identities)
            for modality in (Modality.visible, Modality.infrared)
        )
        return TrainSet(visible, infrared)

    def _list_test(self) -> TestSet:
        rows = self._read()
        for split in (Split.query, Split.gallery):
            self._refuse_mixed(split, rows[split])
        query, gallery = (self._to_records(rows[split]) for split in (Split.query, Split.gallery))
        return TestSet(query, gallery, trials=(np.arange(len(gallery)),))

    def _count(self) -> tuple[list[Count], list[str]]:
        """Of each split and modality that the table names."""
        parts: dict[str, list[Row]] = defaultdict(list)
        for split, rows in self._read().items():
            for row in rows:
                parts[f"{split.value}, {row.modality.value}"].append(row)
        records = {what: self._to_records(rows) for what, rows in parts.items()}
        counts = [Count.of(what, held) for what, held in records.items()]
        return counts, sorted({path for held in records.values() for path in held.paths.tolist()})

    @property
    def _file(self) -> Path:
        return self.root / self.settings.table

    def _read(self) -> dict[Split, list[Row]]:
        """The table's rows by split, each person in training or in the test."""
        if not self.root.is_dir():
            raise InputError(
                f"dataset.root={self.root}: no such folder; set dataset.root=PATH to the one that"
                f" holds {self.settings.table}"
            )
        rows: dict[Split, list[Row]] = {split: [] for split in Split}
        for row in read_table(self._file):
            rows[row.split].append(row)
        trained = {row.identity: row.line for row in rows[Split.train]}
        for row in (*rows[Split.query], *rows[Split.gallery]):
            if row.identity in trained:
                raise InputError(
                    f"{self._file}:{row.line}: identity {row.identity} is in the {row.split.value}"
                    f" and, in line {trained[row.identity]}, in the training set; a person is in"
                    " one of them only"
                )
        return rows

    def _refuse_missing(self, by_modality: dict[Modality, list[Row]]) -> None:
        """Refuse a training identity that has images in one modality only."""
        for modality, rows in by_modality.items():
            (other,) = set(Modality) - {modality}
            there = {row.identity for row in by_modality[other]}
            for row in rows:
                if row.identity not in there:
                    raise InputError(
                        f"{self._file}:{row.line}: training identity {row.identity} has"
                        f" {modality.value} images and no {other.value} one; a training set needs"
                        " both of everyone"
                    )

    def _refuse_mixed(self, split: Split, rows: Sequence[Row]) -> None:
        """Refuse a query or gallery that is empty or of two modalities."""
        if not rows:
            raise InputError(f"{self._file}: names no image with split {split.value}; add them")
        first = rows[0]
        for row in rows:
            if row.modality is not first.modality:
                raise InputError(
                    f"{self._file}:{row.line}: the {split.value} holds {first.modality.value}"
                    f" images from line {first.line} on and this {row.modality.value} one; use one"
                    " modality in it"
                )

    def _to_records(self, rows: Sequence[Row]) -> Records:
        """At least one row, all of one modality, as records in the same order."""
        return Records(
            paths=np.array([str(self.root / row.path) for row in rows]),
            identities=np.array([row.identity for row in rows], np.int64),
            cameras=np.array([row.camera for row in rows], np.int64),
            modality=rows[0].modality,
        )
