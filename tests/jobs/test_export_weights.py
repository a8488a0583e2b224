"""Weights out and in again, as a user types it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typed import evaluate, read_result, type_in


@pytest.mark.slow
def test_exported_weights_come_back_to_the_same_numbers(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    (tmp_path / "first").mkdir()
    evaluate(tmp_path / "first", trained)
    foreign, ours = tmp_path / "original.safetensors", tmp_path / "imported.ckpt"
    type_in(tmp_path, "job=export_weights", f"checkpoint={trained}", f"job.target={foreign}")
    card = foreign.with_suffix(".md").read_text()
    assert hashlib.sha256(foreign.read_bytes()).hexdigest() in card
    assert hashlib.sha256(trained.read_bytes()).hexdigest() in card
    place = ["dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.trial=2"]
    size = ["data.height=64", "data.width=32", "data.test_batch=8"]
    words = ["job=import_weights", f"job.source={foreign}", f"job.target={ours}", *place, *size]
    done = type_in(tmp_path, *words)
    assert "matched" in done.stdout
    (tmp_path / "second").mkdir()
    evaluate(tmp_path / "second", ours)
    assert read_result(tmp_path / "second")["metrics"] == read_result(tmp_path / "first")["metrics"]
