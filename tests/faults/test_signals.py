"""Ctrl-C, SIGTERM and SIGUSR1."""

from __future__ import annotations

import signal
from pathlib import Path

import killing


def test_signals_save_and_say_how_to_go_on(
    tmp_path: Path, tiny_regdb: Path, whole: killing.Whole
) -> None:
    run, checkpoints = tmp_path / "run", tmp_path / "run" / "checkpoints"
    seldom = "train.save_every_steps=0"

    process = killing.start(run, tiny_regdb, seldom)
    assert killing.await_file(process, checkpoints, ".lock")
    process.send_signal(signal.SIGUSR1)  # while data is read there is nothing to save
    assert killing.await_file(process, run, "metrics.jsonl")
    process.send_signal(signal.SIGUSR1)
    assert killing.await_file(process, checkpoints, "last.ckpt"), "SIGUSR1 saves"
    assert process.poll() is None, "and the run goes on"
    process.send_signal(signal.SIGINT)
    out, _ = killing.finish(process, code=130)
    assert "Saved after epoch 0" in out
    assert f"train.resume={run}" in out

    process = killing.start(run, tiny_regdb, seldom)
    saved = (checkpoints / "last.ckpt").stat().st_mtime_ns
    killing.await_change(process, checkpoints / "last.ckpt", saved)
    process.send_signal(signal.SIGTERM)
    out, err = killing.finish(process, code=143)
    assert "Resuming from" in out
    assert "Traceback" not in err

    killing.finish(killing.start(run, tiny_regdb))
    assert killing.outcome(run) == whole.outcome
