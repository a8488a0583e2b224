from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from ddag.runs.report import tables
from ddag.runs.report.leaderboard import Leaderboard, compare
from ddag.runs.report.runs import read_runs


@pytest.fixture
def board(fabricate, tmp_path: Path) -> Leaderboard:
    """Two settings of two seeds, with a name that means something to each format."""
    for number, (name, rank1) in enumerate([("a|b_c", 0.2), ("a|b_c", 0.4), ("50%<d>", 0.1)]):
        settings = {"model.pretrained": name, "seed": number}
        fabricate(str(number), settings, rank1=rank1, features=("feat", "feat_att"))
    return compare(read_runs(tmp_path))


def test_markdown_has_means_and_deviations_the_best_in_bold(board: Leaderboard) -> None:
    lines = tables.markdown(board).splitlines()
    assert lines[0].startswith("dataset regdb, direction v2i; percent")
    assert "divisor n - 1" in lines[0]
    assert lines[2].startswith("| model.pretrained | features | runs | Rank-1 | Rank-5 |")
    assert lines[4].startswith(r"| a\|b\_c | feat\_att | 2 | **30.00 ± 14.14** |")
    assert lines[5].startswith(r"| 50%\<d\> | feat\_att | 1 | 10.00 |")


def test_latex_is_a_booktabs_table_with_everything_escaped(board: Leaderboard) -> None:
    text = tables.latex(board)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{llrrrrrrr}"):
        assert rule in text
    assert r"a|b\_c & feat\_att & 2 & \textbf{30.00 $\pm$ 14.14} &" in text
    assert r"50\%\textless{}d\textgreater{} & feat\_att & 1 & 10.00 &" in text
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if "&" in line]
    assert {line.count("&") for line in rows} == {8}
    assert all(line.endswith(r" \\") for line in rows)


def test_csv_has_every_feature_in_fractions_of_1(board: Leaderboard) -> None:
    rows = list(csv.DictReader(io.StringIO(tables.comma_separated(board))))
    assert [(row["model.pretrained"], row["features"], row["runs"]) for row in rows] == [
        ("a|b_c", "feat", "2"),
        ("a|b_c", "feat_att", "2"),
        ("50%<d>", "feat", "1"),
        ("50%<d>", "feat_att", "1"),
    ]
    assert float(rows[1]["rank1_mean"]) == pytest.approx(0.3)
    assert float(rows[1]["rank1_std"]) == pytest.approx(0.141421)


def test_equal_best_scores_are_all_bold(fabricate, tmp_path: Path) -> None:
    for margin in (0.1, 0.3):
        fabricate(str(margin), {"loss.margin": margin}, rank1=0.5)
    text = tables.markdown(compare(read_runs(tmp_path)))
    assert text.count("**50.00**") == 12
