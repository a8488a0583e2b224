"""Data sets: how each is read, what is query and gallery, and by which rules it is ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddag.machine.registry import Registry

if TYPE_CHECKING:
    from ddag.datasets.dataset import Dataset
    from ddag.settings.data import DataConfig, DatasetConfig

DATASETS: Registry[type[Dataset]] = Registry(
    "dataset.name",
    "ddag.datasets",
    {
        "regdb": "ddag.datasets.regdb:RegDB",
        "sysu": "ddag.datasets.sysu.dataset:SYSU",
        "llcm": "ddag.datasets.llcm:LLCM",
        "csv": "ddag.datasets.csv:Csv",
        "synthetic": "ddag.datasets.synthetic:Synthetic",
        "synthetic_sysu": "ddag.datasets.synthetic_sysu:SyntheticSYSU",
        "synthetic_llcm": "ddag.datasets.synthetic_llcm:SyntheticLLCM",
        "synthetic_csv": "ddag.datasets.synthetic_csv:SyntheticCsv",
    },
)


def open_dataset(settings: DatasetConfig, data: DataConfig, *, asked: bool = True) -> Dataset:
    """The data set that the settings name; nothing of it is read yet.

    Args:
        settings: of the class that the data set's ``config`` is.
        data: how its images are read.
        asked: whether the user named it, and not a checkpoint; else it is only read.

    Raises:
        InputError: there is none of this name.
    """
    return DATASETS.find(settings.name)(settings, data, asked=asked)
