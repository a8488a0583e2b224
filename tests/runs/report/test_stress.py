from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ddag.runs.report import page, stress
from ddag.runs.report.leaderboard import Leaderboard, compare
from ddag.runs.report.runs import read_runs

OCCLUSION, POSE = "dataset.generate.occlusion", "dataset.generate.pose"


def board_of(folder: Path) -> Leaderboard:
    return compare(read_runs(folder))


def panel_of(board: Leaderboard) -> stress.Panel:
    (panel,) = stress.panels(board, board.tables[0])
    assert panel.dial == OCCLUSION
    return panel


@pytest.fixture
def swept(fabricate, tmp_path: Path) -> Leaderboard:
    """Two settings at three positions from two seeds: with parts a tenth better."""
    number = 0
    for position in (1.0, 0.0, 0.5):
        for part in (0, 3):
            for seed in (0, 1):
                settings = {OCCLUSION: position, "model.part": part, "seed": seed}
                rank1 = 0.6 - 0.4 * position + part / 30 + seed / 50
                fabricate(str(number), settings, rank1=rank1)
                number += 1
    return board_of(tmp_path)


def test_a_setting_is_a_line_of_all_its_runs_by_the_dial(swept: Leaderboard) -> None:
    best, other = panel_of(swept).lines
    assert (best.setting, other.setting) == ("model.part=3", "model.part=0")
    assert list(other.scores) == [0.0, 0.5, 1.0]
    for position, scores in other.scores.items():
        assert sorted(scores) == pytest.approx([0.6 - 0.4 * position, 0.62 - 0.4 * position])
    assert best.mean == pytest.approx(0.51)


def test_what_stands_at_one_position_of_a_dial_is_no_line(fabricate, tmp_path: Path) -> None:
    for number, (occlusion, pose) in enumerate([(0, 0.5), (0.5, 0.5), (1, 0.5), (0, 1)]):
        fabricate(str(number), {OCCLUSION: occlusion, POSE: pose}, rank1=0.5)
    board = board_of(tmp_path)
    assert [panel.shared for panel in stress.panels(board, board.tables[0])] == [
        f"{POSE}=0.5",
        f"{OCCLUSION}=0",
    ]
    assert [list(panel.lines[0].scores) for panel in stress.panels(board, board.tables[0])] == [
        [0, 0.5, 1],
        [0.5, 1],
    ]


def test_a_position_that_is_no_number_is_left_out(fabricate, tmp_path: Path) -> None:
    for number, position in enumerate(["0", "1", "far"]):
        fabricate(str(number), {OCCLUSION: position}, rank1=0.5)
    board = board_of(tmp_path)
    (line,) = panel_of(board).lines
    assert list(line.scores) == [0.0, 1.0]


def test_the_figure_names_dial_and_settings(swept: Leaderboard) -> None:
    drawn = stress.curves([panel_of(swept)], score="Rank-1")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    for word in (OCCLUSION, "model.part=0", "model.part=3", "Rank-1"):
        assert f"<!-- {word} -->" in drawn


def test_more_settings_than_colours_are_drawn_in_grey(fabricate, tmp_path: Path) -> None:
    for part in range(10):
        for position in (0, 1):
            settings = {OCCLUSION: position, "model.part": part}
            fabricate(f"{part}{position}", settings, rank1=0.9 - part / 20)
    board = board_of(tmp_path)
    drawn = stress.curves([panel_of(board)], score="Rank-1")
    assert "<!-- model.part=7 -->" in drawn
    assert "<!-- model.part=8 -->" not in drawn


def test_nothing_is_drawn_where_no_dial_was_turned(fabricate, tmp_path: Path) -> None:
    for part in (0, 3):
        fabricate(str(part), {"model.part": part}, rank1=0.5)
    board = board_of(tmp_path)
    assert stress.panels(board, board.tables[0]) == []
    assert "Score against a dial" not in page.render(board, tmp_path)


def test_the_page_shows_the_figure(swept: Leaderboard, tmp_path: Path) -> None:
    assert "<h2>Score against a dial</h2>" in page.render(swept, tmp_path)
