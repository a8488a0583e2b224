from __future__ import annotations

from typing import ClassVar

import numpy as np
from dataset_contract import GeneratedContract

from ddag.datasets.csv import CmcCounts, Exclude
from ddag.datasets.synthetic_csv import LAYOUT
from ddag.people.layout import Labels
from ddag.settings.choices import Modality
from ddag.settings.data import PeopleConfig


class TestSyntheticCsv(GeneratedContract):
    name = "synthetic_csv"
    tiny = "tiny_csv"
    own: ClassVar = {
        "table": "table.csv",
        "exclude": Exclude.identity_and_camera,
        "cmc_counts": CmcCounts.identities,
    }
    query, gallery = Modality.infrared, Modality.visible
    generate = PeopleConfig(identities=8, images=2, seed=0)
    counts: ClassVar = {"train, visible": (4, 16), "query, infrared": (4, 16)}


def test_the_table_has_a_line_for_each_image_after_its_first() -> None:
    plan = LAYOUT.plan(6, 3, np.random.default_rng(0), Labels())
    header, *lines = plan.texts["table.csv"].splitlines()
    assert header == "path,identity,camera,modality,split"
    assert [line.split(",")[0] for line in lines] == [shot.path for shot in plan.shots]
    assert len(lines) == 6 * 3 * 4


def test_another_seed_trains_on_other_people() -> None:
    tables = {
        LAYOUT.plan(12, 1, np.random.default_rng(s), Labels()).texts["table.csv"] for s in range(5)
    }
    assert len(tables) > 1
