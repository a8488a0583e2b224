"""Trainings in processes of their own, to be killed, and what is left of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from typed import REPOSITORY, TINY

from ddag.training import checkpoint


class Whole(NamedTuple):
    """A training that nothing interrupts."""

    outcome: dict[str, Any]
    seconds: float


# Two epochs of three steps, a checkpoint after each step.
WORDS = [*TINY, "train.steps=3", "train.save_every_steps=1", "train.resume=auto"]


def start(run: Path, data: Path, *words: str, **how: Any) -> subprocess.Popen[str]:
    """A training in the run folder ``run``, resumed if it was begun before."""
    given = ["dataset=regdb", f"dataset.root={data}", f"hydra.run.dir={run}", *WORDS, *words]
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run.py"), *given],
        cwd=data,
        env={**os.environ, "COLUMNS": "200"},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
    )


def finish(process: subprocess.Popen[str], *, code: int = 0) -> tuple[str, str]:
    """What the process printed, once it ends with ``code``."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == code, out + err
    return out, err


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL: nothing of the process's own runs any more."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def await_file(process: subprocess.Popen[str], folder: Path, pattern: str) -> bool:
    """Wait until a file is there; whether it came before the process ended."""
    while process.poll() is None:
        if any(folder.glob(pattern)):
            return True
        time.sleep(0.002)
    return False


def outcome(run: Path) -> dict[str, Any]:
    """All that must not depend on interruptions: weights, optimiser, metrics, result."""
    found: dict[str, Any] = {}
    for name in ("last", "best"):
        stored = checkpoint.read(run / "checkpoints" / f"{name}.ckpt")
        digest = hashlib.sha256()
        for values in (stored.weights, stored.optimizer):
            for key in sorted(values):
                digest.update(key.encode() + values[key].asnumpy().tobytes())
        found[name] = digest.hexdigest()
        found[f"{name} at"] = stored.described.epoch, stored.described.step
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("train/images_per_second", None)
    result = json.loads((run / "result.json").read_text())
    return {**found, "metrics": lines, "result": (result["metrics"], result.get("untrained"))}


def await_change(process: subprocess.Popen[str], path: Path, before: int) -> None:
    """Wait until a file has another modification time, or the process ends."""
    while process.poll() is None:
        # For a moment there is none: the old one goes to previous.ckpt, then the new one comes.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime_ns != before:
                return
        time.sleep(0.002)


def await_ending(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait, but not longer than the process lives."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
