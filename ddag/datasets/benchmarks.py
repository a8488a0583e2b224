"""The benchmarks of the field: a data set with a way to rank it, for which scores are published."""

from __future__ import annotations

from enum import Enum

from ddag.datasets import llcm, regdb
from ddag.datasets.sysu import files as sysu


class Benchmark(Enum):
    """Each by the preset (``experiment=``) that asks for it.

    Attributes:
        title: as it is written.
        identities: that are trained on.
    """

    sysu_all = ("SYSU-MM01, all search", sysu.PUBLISHED_TRAIN_IDENTITIES)
    sysu_indoor = ("SYSU-MM01, indoor search", sysu.PUBLISHED_TRAIN_IDENTITIES)
    regdb_v2i = ("RegDB, visible to infrared", regdb.PUBLISHED_IDENTITIES)
    regdb_i2v = ("RegDB, infrared to visible", regdb.PUBLISHED_IDENTITIES)
    llcm_v2i = ("LLCM, visible to infrared", llcm.PUBLISHED_TRAIN_IDENTITIES)
    llcm_i2v = ("LLCM, infrared to visible", llcm.PUBLISHED_TRAIN_IDENTITIES)

    def __init__(self, title: str, identities: int) -> None:
        self.title, self.identities = title, identities
