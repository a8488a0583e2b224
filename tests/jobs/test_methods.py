from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from typed import REPOSITORY

from ddag.composition import compose
from ddag.jobs import methods
from ddag.jobs.methods import Entry, Measured
from ddag.methods import METHODS


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return methods.entries()


def test_every_method_of_this_package_says_its_paper(entries: list[Entry]) -> None:
    assert [entry.name for entry in entries] == METHODS.own
    for entry in entries:
        assert entry.about.link.startswith("https://")
        assert entry.about.title
        assert entry.about.paper


def test_published_scores_are_percent_with_a_source_once_each(entries: list[Entry]) -> None:
    for entry in entries:
        published = entry.about.published
        assert all(1 < each.rank1 < 100 and 1 < each.mAP < 100 for each in published)
        assert len({(each.benchmark, each.source) for each in published}) == len(published)
        assert all(each.source for each in published)


def test_ddag_is_said_to_be_what_its_authors_printed(entries: list[Entry]) -> None:
    (found,) = (entry for entry in entries if entry.name == "ddag")
    printed = {each.benchmark.name: (each.rank1, each.mAP) for each in found.about.published}
    assert printed["sysu_all"] == (54.75, 53.02)
    assert printed["regdb_v2i"] == (69.34, 63.46)


def test_parameters_are_those_that_training_moves(entries: list[Entry]) -> None:
    counted = {entry.name: entry.parameters for entry in entries}
    convolutions = 23_508_032 + 64 * 3 * 7 * 7 + 2 * 64  # of ResNet-50, and the second stem
    classifier, gain = 395 * 2048, 2048  # the neck's bias is frozen
    assert counted["baseline"] == convolutions + classifier + gain
    assert counted["ddag"] > counted["baseline"]


def test_each_command_is_one_that_runs(entries: list[Entry]) -> None:
    for entry in entries:
        assert compose(entry.words).model.name == entry.name


def test_the_tables_leave_out_what_was_not_measured(entries: list[Entry]) -> None:
    sizes, scores, papers = methods.listings(entries, {})
    assert sizes.headings == ["method", "what", "parameters, million"]
    assert [row[0] for row in sizes.rows] == [row[0] for row in papers.rows] == METHODS.own
    assert ["ddag", "SYSU-MM01, all search", "54.75", "53.02", "the paper"] in scores.rows


def test_what_was_measured_stands_beside_the_sizes(entries: list[Entry]) -> None:
    measured = {"ddag": Measured(rank1=[0.2, 0.22, 0.24], mAP=[0.1], step=1.234)}
    sizes = methods.listings(entries, measured)[0]
    rows = {row[0]: row[3:] for row in sizes.rows}
    assert rows["ddag"] == ["1.23", "22.00 ± 2.00", "10.00 ± 0.00"]
    assert rows["baseline"] == ["", "", ""]
    assert all(len(row) == len(sizes.headings) for row in sizes.rows)


def test_nothing_is_measured_before_the_benchmark_ran(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    assert methods.read_measured(file) == {}
    each = {"rank1": [0.5], "mAP": [0.25], "step": 1.5}
    file.write_text(json.dumps({"date": "today", "methods": {"ddag": each}}))
    assert methods.read_measured(file) == {"ddag": Measured(**each)}


def test_the_job_prints_tables_and_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert methods.run(compose(["job=methods"]), Path("unused"), []) == 0.0
    printed = capsys.readouterr().out
    assert "54.75" in printed
    assert "python run.py experiment=sysu_all model=ddag_paper recipe=paper\n" in printed


def test_the_page_in_the_docs_is_up_to_date() -> None:
    place = REPOSITORY / "docs" / "make_methods.py"
    spec = importlib.util.spec_from_file_location("make_methods", place)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    told = "write docs/methods.md anew: python docs/make_methods.py"
    assert script.PAGE.read_text() == script.page(), told


def test_the_sweep_compares_every_method_of_this_package() -> None:
    file = REPOSITORY / "conf" / "sweep" / "methods.yaml"
    assert f"model: {','.join(METHODS.own)}\n" in file.read_text()
