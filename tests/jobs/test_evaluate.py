"""Scores of a checkpoint, and evaluation's switches, as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typed import TINY, evaluate, read_result, type_in


@pytest.mark.slow
def test_another_split_is_refused_unless_it_is_asked_for(trained: Path, tmp_path: Path) -> None:
    done = evaluate(tmp_path, trained, "dataset.trial=3", code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "trained on split 2" in line
    (tmp_path / "allowed").mkdir()
    evaluate(tmp_path / "allowed", trained, "dataset.trial=3", "job.allow_mismatch=true")
    assert read_result(tmp_path / "allowed")["protocol"]["trial"] == 3


@pytest.mark.slow
def test_flip_and_reranking_change_the_numbers_and_are_named(trained: Path, tmp_path: Path) -> None:
    seen = []
    for number, switches in enumerate(((), ("job.flip=true",), ("job.rerank=true",))):
        folder = tmp_path / str(number)
        folder.mkdir()
        evaluate(folder, trained, *switches)
        seen.append(read_result(folder))
    maps = [each["metrics"]["feat"]["mAP"] for each in seen]
    assert len(set(maps)) == 3
    assert [each["protocol"]["flip"] for each in seen] == [False, True, False]
    assert [each["protocol"]["rerank"] for each in seen] == [False, False, True]
    for each in seen:
        assert len(each["checkpoint"]["sha256"]) == 64
        assert each["step"] == 2


@pytest.mark.slow
def test_the_sweep_over_splits_averages_them(tmp_path: Path, tiny_regdb: Path) -> None:
    words = ["sweep=regdb_trials", "dataset=regdb", f"dataset.root={tiny_regdb}", *TINY]
    done = type_in(tmp_path, *words, "train.epochs=1", "dataset.trial=1,2")
    (sweep,) = tmp_path.glob("multirun_sweeps/regdb_trials/*")
    results = [json.loads(file.read_text()) for file in sorted(sweep.glob("*/result.json"))]
    scores = [each["metrics"]["feat"]["mAP"] for each in results]
    with (sweep / "leaderboard.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["features"] == "feat"]
    assert int(row["runs"]) == len(results) == 2
    assert float(row["mAP_mean"]) == pytest.approx(np.mean(scores), abs=1e-6)
    assert float(row["mAP_std"]) == pytest.approx(np.std(scores, ddof=1), abs=1e-6)
    assert "mean ± standard deviation" in done.stdout
