"""Sweeps that launchers of several processes run for real: stopped, bereft of a job, resumed."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import pytest
from typed import REPOSITORY, TINY, read_metrics, type_in

from ddag.machine.processors import available

pytestmark = pytest.mark.slow


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def has_slurm() -> bool:
    """Whether there is a Slurm that runs."""
    if not has("submitit") or shutil.which("sbatch") is None:
        return False
    return subprocess.run(["sinfo"], capture_output=True, check=False).returncode == 0


LAUNCHERS = [
    pytest.param(
        ["hydra/launcher=submitit_local", "hydra.launcher.n_jobs=2"],
        marks=pytest.mark.skipif(not has("submitit"), reason="needs the extra slurm"),
        id="submitit_local",
    ),
    pytest.param(
        ["hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2"],
        marks=pytest.mark.skipif(not has("ray"), reason="needs the extra ray"),
        id="ray",
    ),
    pytest.param(
        ["hydra/launcher=submitit_slurm"],
        marks=pytest.mark.skipif(not has_slurm(), reason="needs Slurm: tests/slurm_node.sh"),
        id="submitit_slurm",
    ),
]


def training(data: Path, *, epochs: int) -> list[str]:
    """A training of six steps an epoch, evaluated at its end alone."""
    words = [*TINY, "dataset=regdb", f"dataset.root={data}", f"train.epochs={epochs}"]
    return [*words, "train.steps=6", "train.eval_every=0", "train.save_every_steps=1"]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A sweep, what it prints in a file ``said`` of ``folder``."""
    with (folder / "said").open("a") as said:
        return subprocess.Popen(
            [sys.executable, str(REPOSITORY / "run.py"), *words],
            cwd=folder,
            env={**os.environ, "COLUMNS": "300"},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )


def await_fact(process: subprocess.Popen[str], holds: Callable[[], object], said: Path) -> None:
    """Wait for what must come before the sweep ends."""
    end = time.monotonic() + 300
    while not holds():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < end, said.read_text()
        time.sleep(0.05)


def worker(job: Path) -> Optional[int]:
    """The process that trains in a job's folder: it has the lock there open."""
    lock = str((job / "checkpoints" / ".lock").resolve())
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == lock:
                return int(link.parts[2])
        except OSError:  # ended meanwhile, or of someone else
            continue
    return None


def job_of(folder: Path, number: int) -> Path:
    (job,) = folder.glob(f"multirun_sweeps/*/*/{number}_*")
    return job


def has_saved(folder: Path, number: int) -> bool:
    return bool([*folder.glob(f"multirun_sweeps/*/*/{number}_*/checkpoints/last.ckpt")])


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_survives_a_stop_and_a_dead_job(
    tmp_path: Path, tiny_regdb: Path, launcher: list[str], request: pytest.FixtureRequest
) -> None:
    if launcher[0].endswith("=ray"):  # its own processes take minutes where others compute as well
        request.getfixturevalue("long_form")
    said = tmp_path / "said"

    # Stopped: what is under way saves, and nothing of it goes on.
    process = start(tmp_path, "-m", "seed=0,1", *training(tiny_regdb, epochs=4), *launcher)
    await_fact(process, lambda: has_saved(tmp_path, 0), said)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 143, said.read_text()
    jobs = [job_of(tmp_path, number) for number in (0, 1)]
    assert [worker(job) for job in jobs] == [None, None]
    assert not [*tmp_path.glob("multirun_sweeps/*/*/*/error.txt")]
    sweep = jobs[0].parent

    # A job that is killed is a failure, the other goes on, and the sweep is told to the end.
    process = start(tmp_path, f"sweep.resume={sweep}")
    await_fact(process, lambda: worker(jobs[0]), said)
    os.kill(worker(jobs[0]), signal.SIGKILL)
    assert process.wait(300) == 1, said.read_text()
    (record,) = sweep.glob("*/error.txt")
    assert record.parent == jobs[0]
    assert f"{jobs[0].name}: {record.read_text()[:40]}" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert (jobs[1] / "result.json").is_file()
    assert "| 1 |" in (sweep / "leaderboard.md").read_text()

    # Resumed: the one that lacks a result goes on from what it had saved.
    done = type_in(tmp_path, f"sweep.resume={sweep}")
    log = (jobs[0] / "run.log").read_text()
    assert log.count("Resuming from") >= 1
    assert len(read_metrics(jobs[0])) == 4
    assert not record.exists()
    assert "[0] " in done.stdout, "what jobs print is shown as it comes"
    assert not (sweep / ".places").exists()
    logs = [(job / "run.log").read_text() for job in jobs]
    if launcher[0].endswith("slurm"):  # gives each job processors of its own
        assert all("CPU, 1 thread of" in log for log in logs)
    elif len(available().cores) > 1:
        used = [re.findall(r"Computing on processors (.*)", log)[0] for log in logs]
        assert used[0] != used[1]


def test_a_sweep_of_joblib_is_told_to_the_end_where_a_process_dies(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    said = tmp_path / "said"
    process = start(tmp_path, "-m", "seed=0,1", *training(tiny_regdb, epochs=50), *launcher)
    await_fact(process, lambda: has_saved(tmp_path, 0), said)
    os.kill(worker(job_of(tmp_path, 0)), signal.SIGKILL)
    assert process.wait(300) == 1, said.read_text()
    for number in (0, 1):
        reason = (job_of(tmp_path, number) / "error.txt").read_text()
        assert reason.startswith("one of joblib's processes was ended")
    assert "Traceback" not in said.read_text()


@pytest.mark.skipif(not has("submitit"), reason="needs the extra slurm")
def test_a_job_whose_time_runs_out_saves_and_goes_on(tmp_path: Path, tiny_regdb: Path) -> None:
    limit = ["hydra/launcher=submitit_local", "hydra.launcher.n_jobs=1"]
    limit += ["hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=20"]
    said = tmp_path / "said"
    endless = training(tiny_regdb, epochs=10_000)
    process = start(tmp_path, "-m", "seed=0", *endless, "train.save_every_steps=0", *limit)
    await_fact(process, lambda: said.read_text().count("Resuming from") == 1, said)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 143, said.read_text()
    log = said.read_text()
    saved, resumed = (
        re.search(pattern, log).groups()
        for pattern in (
            r"Saved after epoch (\d+), batch (\d+)",
            r"Resuming from .*: (\d+) epochs and (\d+) batches",
        )
    )
    assert saved == resumed
    assert "failed" not in log
