"""The report as a browser would read it."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Optional

import pytest
from matplotlib.figure import Figure

from ddag.runs.report import effects, figures, intervals, links, page
from ddag.runs.report.answers import compared
from ddag.runs.report.leaderboard import compare
from ddag.runs.report.runs import read_runs
from ddag.runs.report.statistics import Difference

HISTORY = [
    {"epoch": 1, "train/loss": 3.0},
    {"epoch": 2, "train/loss": 2.0, "eval/feat/rank1": 0.2},
]


class Reader(HTMLParser):
    """Headings, rows, images and whatever a page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = [""]
        self.loads: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "action", "data"):
                self.loads.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "data-value":
                self.cells.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.tags[-1] == "h2":
            self.sections.append(data)
            self.tags.append("")


def render(folder: Path) -> Reader:
    return Reader(page.render(compare(read_runs(folder)), folder))


def test_the_page_has_every_section_and_loads_nothing(fabricate, tmp_path: Path) -> None:
    for part in (0, 3):
        for seed in (0, 1):
            settings = {"model.part": part, "seed": seed}
            rank1 = 0.2 + part / 10 + seed / 10
            fabricate(f"{part}{seed}", settings, rank1=rank1, history=HISTORY)
    read = render(tmp_path)
    assert read.sections == [
        "Leaderboard", "Effect of each setting", "Learning curves", "CMC curves", "Failures", "Runs"
    ]  # fmt: skip
    assert len(read.loads) == 3
    for source in read.loads:
        kind, _, data = source.partition(",")
        assert kind == "data:image/svg+xml;base64"
        image = ElementTree.fromstring(base64.b64decode(data))
        assert image.tag.endswith("svg")
    assert "4 runs: 4 finished, 0 failed, 0 unfinished" in read.words
    assert read.tags.count("b") == 0  # two seeds are no result


@pytest.mark.parametrize(("seeds", "drawn"), [(4, False), (5, True)])
def test_differences_are_drawn_from_five_seeds_on(
    fabricate, tmp_path: Path, seeds: int, drawn: bool
) -> None:
    for part in (0, 3):
        for seed in range(seeds):
            settings = {"model.part": part, "seed": seed}
            fabricate(f"{part}{seed}", settings, rank1=0.2 + part / 10 + seed * part / 300)
    board = compare(read_runs(tmp_path))
    text = page.render(board, tmp_path)
    assert ('alt="difference of each setting from its baseline"' in text) is drawn
    found = compared(board, board.tables[0])["mAP"]
    image = intervals.draw(found, score="mAP")
    assert (image is not None) is drawn
    if image:
        assert "<!-- IWPA (model.part=3) -->" in image
        assert "<!-- points of mAP more -->" in image


def test_of_many_differences_the_first_are_drawn() -> None:
    many = {f"s{k}": Difference(5, 0.01, (0.0, 0.02), 0.1, 0.1, 9) for k in range(50)}
    image = intervals.draw(many, score="mAP")
    assert image is not None
    assert ("<!-- s39 -->" in image, "<!-- s40 -->" in image) == (True, False)


def test_columns_are_sorted_by_number_not_by_what_is_shown(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"model.part": 0}, rank1=0.123456)
    fabricate("1", {"model.part": 3}, rank1=0.5)
    assert "0.123456" in render(tmp_path).cells


def test_a_page_of_a_sweep_half_way_has_its_failures(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"model.part": 0}, rank1=0.5, history=HISTORY)
    fabricate("1", {"model.part": 3}, error="model.part=99: too many")
    fabricate("2", {"model.part": 6}, history=HISTORY[:1])
    read = render(tmp_path)
    assert "3 runs: 1 finished, 1 failed, 1 unfinished" in read.words
    assert "model.part=99: too many" in read.words


def test_a_page_without_any_result_still_opens(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"seed": 0}, error="no room")
    fabricate("1", {"seed": 1}, history=HISTORY[:1])
    assert render(tmp_path).sections == ["Learning curves", "Failures", "Runs"]


def test_words_of_the_user_cannot_become_markup(fabricate, tmp_path: Path) -> None:
    evil = '<script>alert("$x$")</script>'
    fabricate("0", {"model.pretrained": evil}, rank1=0.5)
    fabricate("1", {"model.pretrained": "good"}, rank1=0.4)
    fabricate("2_<b>", {}, error=evil)
    read = render(tmp_path)
    assert read.tags.count("script") == 1
    assert evil in read.words
    assert evil in read.cells


def test_many_values_of_a_number_are_drawn_along_a_scale(fabricate, tmp_path: Path) -> None:
    for number in range(12):
        fabricate(str(number), {"optimizer.lr": 2.0**-number}, rank1=number / 20)
    read = render(tmp_path)
    assert "Effect of each setting" in read.sections
    assert len(read.loads) == 2


def test_a_setting_that_changed_only_with_others_has_no_chart(fabricate, tmp_path: Path) -> None:
    for number, (part, margin) in enumerate([(0, 0.1), (3, 0.3)]):
        fabricate(str(number), {"model.part": part, "loss.margin": margin}, rank1=number / 10)
    read = render(tmp_path)
    assert len(read.loads) == 1  # the CMC
    said = "other settings changed with them: model.part, loss.margin."
    assert any(said in " ".join(words.split()) for words in read.words)


def test_an_effect_is_drawn_from_runs_that_differ_in_nothing_else(
    fabricate, tmp_path: Path
) -> None:
    for part, seed in ((0, 0), (3, 0), (0, 1)):  # the second seed is half-way
        settings = {"model.part": part, "seed": seed}
        fabricate(f"{part}{seed}", settings, rank1=0.2 + seed / 2 + part / 10)
    (table,) = compare(read_runs(tmp_path)).tables
    assert effects.scores_by_value(table, "model.part") == {"0": [0.2], "3": [0.5]}


def test_a_run_links_to_its_files_and_says_how_to_repeat_it(fabricate, tmp_path: Path) -> None:
    words = {"sweep": "branches", "model.pretrained": "a b", "train.resume": "auto"}
    fabricate("1_a b", words, rank1=0.5)
    read = render(tmp_path)
    assert read.links == ["./1_a%20b/result.json", "./1_a%20b/.hydra/config.yaml"]
    again = "python run.py sweep=branches 'model.pretrained=a b' hydra.mode=RUN"
    assert again in read.words


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "< 0:01"), (60, "0:01"), (3900, "1:05"), (360_000, "100:00")]
)
def test_times_are_hours_and_minutes(seconds: float, said: str) -> None:
    assert links.clock(seconds) == said


def test_no_axis_of_scores_goes_below_0() -> None:
    axes = Figure().subplots()
    axes.plot([0, 1], [0.0, 0.5])
    figures.from_zero(axes)
    assert axes.get_ylim()[0] == 0


def test_a_run_has_the_newest_pictures_that_were_drawn_of_it(fabricate, tmp_path: Path) -> None:
    for name in ("toy/1", "toy/2"):
        fabricate(name, {"seed": int(name[-1])}, rank1=0.2)
    drawn = {"job.name": "visualize", "checkpoint": "outputs/toy/1/checkpoints/best.ckpt"}
    for name in ("toy/2026-01-01", "toy/2026-01-02 later"):
        (fabricate(name, drawn) / "index.html").write_text("pictures")
    fabricate("toy/2026-01-03 stopped", drawn)
    seen, unseen = read_runs(tmp_path)
    assert links.files(seen, tmp_path)["pictures"] == "./toy/2026-01-02%20later/index.html"
    assert "pictures" not in links.files(unseen, tmp_path)


def test_a_score_of_one_epoch_stands_below_the_epochs_of_the_loss(fabricate, tmp_path) -> None:
    fabricate("1", {"seed": 1}, rank1=0.2, history=HISTORY)
    drawn = figures.learning_curves(compare(read_runs(tmp_path)))
    assert "1.96" not in drawn  # a tick between epochs
