"""A job on a checkpoint, stopped while MindSpore is at work."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typed import REPOSITORY


# After a fifth of a second MindSpore is being imported, after one the network is built or at work.
@pytest.mark.parametrize("seconds", [0.2, 1])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_job_is_stopped_by_a_signal_with_its_code_and_without_a_traceback(
    tmp_path: Path, regdb_checkpoint: Path, number: int, code: int, seconds: float
) -> None:
    words = ["job=evaluate", f"checkpoint={regdb_checkpoint}", "data.test_batch=1"]
    with subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run.py"), *words],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        maps = Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and "/mindspore/" not in maps.read_text(encoding="utf-8"):
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(number)
        _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (code, "")
    assert not list(tmp_path.glob("outputs/*/*/result.json"))
