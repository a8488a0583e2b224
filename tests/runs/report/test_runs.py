from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddag.machine.errors import InputError
from ddag.runs.report.runs import environments, read_runs, varied_keys


def test_runs_are_found_however_deep_and_come_by_number(fabricate, tmp_path: Path) -> None:
    for name in ("a/10_seed=10", "a/2_seed=2", "b/c/0_seed=0"):
        fabricate(name, {"seed": 1}, rank1=0.5)
    names = [run.folder.name for run in read_runs(tmp_path)]
    assert names == ["2_seed=2", "10_seed=10", "0_seed=0"]
    assert len(read_runs(tmp_path / "b" / "c" / "0_seed=0")) == 1


def test_a_run_is_finished_failed_or_neither(fabricate, tmp_path: Path) -> None:
    fabricate("0", {}, rank1=0.5)
    fabricate("1", {}, error="RuntimeError: no room\n\nTraceback ...")
    fabricate("2", {})
    runs = read_runs(tmp_path)
    assert [run.state for run in runs] == ["finished", "failed", "unfinished"]
    assert runs[1].error == "RuntimeError: no room"


def test_a_line_that_is_being_written_is_left_out(fabricate, tmp_path: Path) -> None:
    folder = fabricate("0", {}, history=[{"epoch": 1, "train/loss": 2.0}])
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "tra')
    (run,) = read_runs(tmp_path)
    assert run.history == [{"epoch": 1, "train/loss": 2.0}]


def test_only_runs_that_end_in_scores_count(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"job.name": "check"})
    fabricate("1", {"job.name": "evaluate"}, rank1=0.5)
    assert [run.folder.name for run in read_runs(tmp_path)] == ["1"]


def test_settings_that_differ_are_found_also_where_one_run_left_the_default(
    fabricate, tmp_path: Path
) -> None:
    fabricate("0", {"model.part": 0, "seed": 1, "tag": "a", "train.epochs": 4})
    fabricate("1", {"train.epochs": 4, "tag": "b"})
    runs = read_runs(tmp_path)
    assert varied_keys(runs) == ["model.part"]
    assert [run.value("model.part") for run in runs] == ["0", "3"]


def test_a_run_without_a_result_is_judged_by_its_last_feature_or_what_it_was_told(
    fabricate, tmp_path: Path
) -> None:
    one = {"epoch": 1, "train/loss": 2.0, "eval/feat/rank1": 0.2, "eval/feat/mAP": 0.1}
    two = {**one, "eval/feat_att/rank1": 0.3, "eval/feat_att/mAP": 0.2}
    fabricate("0", {}, history=[one])
    fabricate("1", {}, history=[two, {"epoch": 2, "train/loss": 1.0}])
    fabricate("2", {"train.monitor": "feat/mAP"}, history=[two])
    fabricate("3", {})
    monitors = [run.monitor for run in read_runs(tmp_path)]
    assert monitors == ["feat/rank1", "feat_att/rank1", "feat/mAP", ""]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read_runs(tmp_path / "nowhere")


def test_a_result_of_an_earlier_version_is_named_and_the_others_read(
    fabricate, tmp_path: Path
) -> None:
    folder = fabricate("0", {})
    (folder / "result.json").write_text('{"score": 0.5}')
    fabricate("1", {}, rank1=0.5)
    first, second = read_runs(tmp_path)
    assert (first.state, second.state) == ("unreadable", "finished")
    assert str(first.fault).startswith(f"{folder}/result.json: is no result of a run")


def test_in_what_finished_runs_were_not_made_alike_is_said(fabricate, tmp_path: Path) -> None:
    for number, commit in enumerate("aab"):
        folder = fabricate(str(number), {}, rank1=0.5)
        said = {"commit": commit, "dirty": number == 0, "numpy": "1", "command": f"{number}"}
        (folder / "environment.json").write_text(json.dumps(said))
    assert environments(read_runs(tmp_path)) == [
        "commit differs between the runs: a (2), b (1)",
        "dirty differs between the runs: false (2), true (1)",
    ]
    fabricate("3", {}, rank1=0.5)  # of an earlier version
    assert "numpy differs between the runs: 1 (3), - (1)" in environments(read_runs(tmp_path))


def test_a_group_with_several_options_is_read_and_loggers_tell_no_runs_apart(
    fabricate, tmp_path: Path
) -> None:
    for number, logger in enumerate(("tensorboard", "csv")):
        folder = fabricate(str(number), {"logger": logger, "logger.mlflow.uri": f"u{number}"})
        choices = {"hydra": {"runtime": {"choices": {"logger": [logger, "mlflow"]}}}}
        (folder / ".hydra" / "hydra.yaml").write_text(json.dumps(choices))
    runs = read_runs(tmp_path)
    assert [run.state for run in runs] == ["unfinished", "unfinished"]
    assert runs[1].value("logger") == "csv,mlflow"
    assert varied_keys(runs) == []
