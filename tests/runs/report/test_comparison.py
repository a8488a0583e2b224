"""Leaderboards that say what differs from a baseline; runs are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddag.runs.report import answers, files, page, tables
from ddag.runs.report.comparison import find_baseline, read_baseline
from ddag.runs.report.leaderboard import Leaderboard, compare
from ddag.runs.report.runs import read_runs

GAINS = (0.010, 0.020, 0.030, 0.040, 0.050)  # of five seeds: t = 4.24, p = 0.013
NOISE = (0.020, -0.020, 0.010, -0.010, 0.000)


@pytest.fixture
def ablation(fabricate, tmp_path: Path):
    """Parts that help, a graph that does not, from a number of seeds."""

    def write(seeds: int = 5, **given: str) -> Leaderboard:
        for seed in range(seeds):
            for name, part, graph, gain in (
                ("none", 0, False, 0.0),
                ("parts", 3, False, GAINS[seed]),
                ("graph", 0, True, NOISE[seed]),
            ):
                settings: dict[str, Any] = {"model.part": part, "model.graph": graph, "seed": seed}
                fabricate(f"{name}{seed}", settings, rank1=0.4 + seed / 100 + gain)
        return compare(read_runs(tmp_path), **given)

    return write


def test_each_setting_is_compared_with_all_branches_off(ablation) -> None:
    board = ablation()
    (table,) = board.tables
    assert table.baseline == {"model.part": "0", "model.graph": "false"}
    found = {board.name(values): each for values, each in table.differences["mAP"].items()}
    assert set(found) == {"model.part=3 model.graph=false", "model.part=0 model.graph=true"}
    parts = found["model.part=3 model.graph=false"]
    assert (parts.pairs, parts.is_seen) == (5, True)
    assert parts.mean == pytest.approx(0.03)
    assert parts.adjusted == pytest.approx(2 * 0.01324, abs=1e-4)


def test_only_what_differs_from_the_baseline_is_bold(ablation) -> None:
    board = ablation()
    (table,) = board.tables
    bold = {board.name(row.values) for row in table.rows if table.stands_out(row, "rank1")}
    assert bold == {"model.part=3 model.graph=false"}


@pytest.mark.parametrize("seeds", [2, 4])
def test_where_seeds_are_too_few_for_an_ablation_nothing_is_bold(ablation, seeds: int) -> None:
    (table,) = ablation(seeds).tables
    assert not any(table.stands_out(row, "rank1") for row in table.rows)


def test_a_sentence_for_each_setting_by_map_and_rank_1(ablation, tmp_path: Path) -> None:
    board = ablation()
    said = answers.sentences(board, board.tables[0])
    assert len(said) == 4
    assert said[0] == ("IWPA (model.part=3): +3.0 points of mAP, 95 % [1.0, 5.0], 5 paired seeds")
    assert said[1].startswith(
        "CGSA (model.graph=true): mAP not distinguishable from chance with 5 seeds; "
    )
    assert "points of Rank-1" in said[2]
    assert "- IWPA (model.part=3): +3.0 points of mAP" in tables.markdown(board).replace("\\", "")
    assert said[1] in page.render(board, tmp_path)


def test_fewer_than_five_seeds_are_no_result(ablation) -> None:
    board = ablation(seeds=4)
    said = answers.sentences(board, board.tables[0])
    assert all(
        "no result with 4 paired seeds; an ablation takes 5 or more" in each for each in said
    )
    assert not any("points" in each for each in said)


def test_settings_of_which_the_same_is_to_be_said_share_a_sentence(ablation) -> None:
    board = ablation(seeds=1)
    few = (
        "CGSA (model.graph=true) and IWPA (model.part=3): no result with 1 paired seed; an ablation"
    )
    said = answers.sentences(board, board.tables[0])
    assert said == [f"{few} takes 5 or more"] * 2  # by mAP, by Rank-1
    assert answers.answers(board, board.tables[0]) == said[:1]


def test_a_baseline_of_ones_own_takes_the_place_of_the_default(ablation) -> None:
    board = ablation(baseline={"model.graph": "true"})
    (table,) = board.tables
    compared = {board.name(values) for values in table.differences["mAP"]}
    assert compared == {"model.part=0 model.graph=false"}


def test_a_baseline_in_which_no_run_differs_compares_nothing(ablation) -> None:
    board = ablation(baseline={"loss.margin": "0.3"})
    assert answers.sentences(board, board.tables[0]) == []


def test_splits_are_paired_as_seeds_are(fabricate, tmp_path: Path) -> None:
    for trial in (1, 2, 3, 4, 5):
        for part in (0, 3):
            settings = {"dataset.trial": trial, "model.part": part}
            fabricate(f"{trial}{part}", settings, rank1=0.1 * trial + part / 300, trial=trial)
    board = compare(read_runs(tmp_path))
    said = answers.sentences(board, board.tables[0])
    assert said[0].startswith(
        "IWPA (model.part=3): +1.0 points of mAP, 95 % [1.0, 1.0], 5 paired runs"
    )


def test_the_method_without_branches_is_the_baseline_of_methods(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"seed": 0}, rank1=0.5)
    (run,) = read_runs(tmp_path)
    plain = replace(run, choices={"model": "baseline"}, config={"model": {"name": "baseline"}})
    whole = replace(run, choices={"model": "ddag"}, config={"model": {"part": 3}})
    keys = ["loss.margin", "model", "model.part"]
    assert find_baseline(keys, [whole, plain]) == {"model": "baseline", "model.part": "-"}
    assert find_baseline(keys, [whole]) == {"model.part": "0"}
    assert find_baseline(["loss.margin"], [whole, plain]) == {}


def test_a_baseline_is_read_as_it_is_typed() -> None:
    assert read_baseline(None) == {}
    assert read_baseline("model.part=0  model.graph=False") == {
        "model.part": "0",
        "model.graph": "false",
    }
    assert read_baseline("loss.triplet=hard loss.margin=0.30 loss.kind=null") == {
        "loss.triplet": "hard",
        "loss.margin": "0.3",
        "loss.kind": "-",
    }


@pytest.mark.parametrize(
    ("branch", "key", "control", "title"),
    [
        ({"model.part": 3}, "model.attention", ("uniform", "normalised"),
         "attention over uniform weights"),
        ({"model.graph": True}, "model.graph_edges", ("self", "identity"),
         "a graph over each image alone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("preset", [False, True])
def test_a_branch_is_compared_with_its_control_where_a_sweep_has_one(
    fabricate, tmp_path: Path, branch: dict, key: str, control: tuple, title: str, preset: bool
) -> None:
    for seed in range(5):
        for value, gain in zip(control, (0.0, NOISE[seed])):
            settings = {**branch, key: value, "seed": seed}
            fabricate(f"{value}{seed}", settings, rank1=0.4 + seed / 100 + gain)
    runs = read_runs(tmp_path)
    if preset:  # typed as an option that has the setting
        runs = [
            replace(run, typed=("model", "seed"), choices={"model": run.value(key)}) for run in runs
        ]
    board = compare(runs)
    said = answers.sentences(board, board.tables[0])[0]
    typed = "model" if preset else key
    assert said.startswith(
        f"{title} ({typed}={control[1]}): mAP not distinguishable from chance with 5 seeds; "
    )


def test_a_report_opens_with_its_answer_and_the_screen_says_it(
    ablation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = ablation()
    text = page.render(board, tmp_path)
    said = "IWPA (model.part=3): +3.0 points of mAP, 95 % [1.0, 5.0], 5 paired seeds"
    assert text.index(said) < text.index("<h2>")
    files.show(board, tmp_path)
    assert said in capsys.readouterr().out


def test_without_a_baseline_the_highest_is_said_and_how_to_test_it(
    fabricate, tmp_path: Path
) -> None:
    for margin in (0.1, 0.3):
        fabricate(str(margin), {"loss.margin": margin}, rank1=margin)
    board = compare(read_runs(tmp_path))
    (said,) = answers.answers(board, board.tables[0])
    assert said.startswith("Highest: loss.margin=0.3, Rank-1 30.00 %, mAP 30.00 % over 1 run;")
    assert "report.baseline" in said
