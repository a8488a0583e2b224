"""Ctrl-C, SIGTERM, SIGUSR1, a terminal that is closed and a reader that goes away."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
from pathlib import Path

import killing
import pytest

pytestmark = pytest.mark.slow


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


def test_a_training_whose_output_has_no_end_left_saves_and_stops(
    tmp_path: Path, tiny_regdb: Path, whole: killing.Whole
) -> None:
    run, seldom = tmp_path / "run", "train.save_every_steps=0"

    process = killing.start(run, tiny_regdb, seldom)
    process.stdout.close()
    process.stdout = None
    _, err = killing.finish(process, code=141)
    assert not err
    said = (run / "run.log").read_text()
    assert "Nobody reads what is printed any more" in said
    assert "Saved after epoch 0, batch 1" in said

    last = run / "checkpoints" / "last.ckpt"
    saved = last.stat().st_mtime_ns
    process, terminal = start_in_terminal(run, tiny_regdb)
    killing.await_change(process, last, saved)
    os.close(terminal)  # as a window does
    process.wait(600)
    assert process.returncode == 129
    said = (run / "run.log").read_text()
    assert "The terminal is gone" in said
    assert said.count("Saved after epoch") == 2

    killing.finish(killing.start(run, tiny_regdb))
    assert killing.outcome(run) == whole.outcome


def start_in_terminal(run: Path, data: Path, *words: str) -> tuple[subprocess.Popen[str], int]:
    """A training as ``killing.start``'s in a terminal of its own, and the terminal's other end."""
    ours, theirs = os.openpty()

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # not ignored, as under nohup
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = killing.start(run, data, *words, preexec_fn=take_terminal, **streams)
    os.close(theirs)
    return process, ours
