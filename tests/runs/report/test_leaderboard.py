from __future__ import annotations

from pathlib import Path

import pytest

from ddag.runs.report.leaderboard import Leaderboard, Score, compare
from ddag.runs.report.page import render
from ddag.runs.report.runs import read_runs
from ddag.runs.report.tables import markdown


def board(folder: Path) -> Leaderboard:
    return compare(read_runs(folder))


def test_the_deviation_is_that_of_a_sample() -> None:
    score = Score.of([0.2, 0.4, 0.6])
    assert (score.mean, score.std) == (pytest.approx(0.4), pytest.approx(0.2))
    assert score.percent() == "40.00 ± 20.00"
    assert Score.of([0.25]).percent() == "25.00"


def test_seeds_and_splits_of_one_setting_are_averaged_best_first(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"model.part": 0, "seed": 0}, rank1=0.2)
    fabricate("1", {"model.part": 0, "seed": 1}, rank1=0.4)
    fabricate("2", {"model.part": 3, "dataset.trial": 1}, rank1=0.5, trial=1)
    fabricate("3", {"model.part": 3, "dataset.trial": 2}, rank1=0.7, trial=2)
    (table,) = board(tmp_path).tables
    assert [row.values for row in table.rows] == [("3",), ("0",)]
    assert [row.score.mean for row in table.rows] == pytest.approx([0.6, 0.3])
    assert table.rows[1].score.std == pytest.approx(0.2**0.5 * 0.2**0.5 / 2**0.5)


def test_failed_and_unfinished_runs_count_in_no_mean(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"model.part": 0, "seed": 0}, rank1=0.2)
    fabricate("1", {"model.part": 0, "seed": 1}, error="no room")
    fabricate("2", {"model.part": 3, "seed": 0})
    found = board(tmp_path)
    (table,) = found.tables
    (row,) = table.rows
    assert (row.values, len(row.results), row.score.mean) == (("0",), 1, 0.2)
    assert len(found.runs) == 3


def test_scores_of_different_protocols_stand_in_different_tables(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"dataset.direction": "v2i"}, rank1=0.2, direction="v2i")
    fabricate("1", {"dataset.direction": "i2v"}, rank1=0.4, direction="i2v")
    tables = board(tmp_path).tables
    assert [table.protocol for table in tables] == [
        "dataset regdb, direction v2i",
        "dataset regdb, direction i2v",
    ]
    assert all(table.is_best(table.rows[0], "rank1") for table in tables)


SMALL = {"identities": 20, "queries": 200, "gallery_images": 200, "chance": 0.05}
LARGE = {"identities": 100, "queries": 1000, "gallery_images": 1000, "chance": 0.01}


def test_galleries_of_different_size_stand_in_different_tables(fabricate, tmp_path: Path) -> None:
    for number, (size, rank1) in enumerate([(SMALL, 0.4), (LARGE, 0.2), (None, 0.3)]):
        fabricate(str(number), {"seed": number}, rank1=rank1, size=size)
    tables = board(tmp_path).tables
    rules = "dataset regdb, direction v2i"
    assert [table.protocol for table in tables] == [
        f"{rules}, 20 identities, 200 queries, 200 gallery images, chance 5 %",
        f"{rules}, 100 identities, 1000 queries, 1000 gallery images, chance 1 %",
        rules,  # of a version that did not say
    ]
    assert all(table.is_best(table.rows[0], "rank1") for table in tables)


def test_splits_that_differ_in_size_are_averaged_still(fabricate, tmp_path: Path) -> None:
    for trial, size in ((1, SMALL), (2, LARGE)):
        fabricate(str(trial), {"dataset.trial": trial}, rank1=0.2 * trial, trial=trial, size=size)
    (table,) = board(tmp_path).tables
    assert table.rows[0].score.mean == pytest.approx(0.3)


def test_a_row_shows_the_monitored_feature(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"model.part": 0}, rank1=0.2)
    fabricate("1", {"model.part": 3}, rank1=0.4, features=("feat", "feat_att"))
    (table,) = board(tmp_path).tables
    assert [row.main for row in table.rows] == ["feat_att", "feat"]


def test_config_groups_are_compared_by_the_option_that_was_picked(
    fabricate, tmp_path: Path
) -> None:
    first = fabricate("0", {"optimizer": "adam"}, rank1=0.2)
    fabricate("1", {"optimizer": "sgd"}, rank1=0.4)
    file = first.parent / "1" / ".hydra" / "hydra.yaml"
    file.write_text(file.read_text().replace("adam", "sgd"))
    (table,) = board(tmp_path).tables
    assert [row.values for row in table.rows] == [("sgd",), ("adam",)]


def test_what_runs_warn_of_stands_with_their_setting_once(fabricate, tmp_path: Path) -> None:
    warnings = ["graph attention has stopped learning"]
    fabricate("0", {"model.part": 0, "seed": 0}, rank1=0.2, warnings=warnings)
    fabricate("1", {"model.part": 0, "seed": 1}, rank1=0.4, warnings=warnings)
    fabricate("2", {"model.part": 3, "seed": 0}, rank1=0.5)
    found = board(tmp_path)
    said = "graph attention has stopped learning (2 of 2 runs)"
    assert [row.warnings for row in found.tables[0].rows] == [(), (said,)]
    assert f"model.part=0: {said}" in render(found, tmp_path)
    assert "graph attention has stopped learning" in markdown(found)
