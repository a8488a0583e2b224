from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.conf import HydraConf
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from typed import type_in

from ddag.machine.processors import ALONE, Place, Processors
from ddag.runs.launchers import places

EIGHT = Processors(cores=[0, 1, 2, 3], others=[4, 5, 6, 7])  # four cores of two hyper-threads


@pytest.mark.parametrize(
    ("launcher", "jobs"),
    [
        ({}, 1),
        ({"n_jobs": 2}, 2),
        ({"n_jobs": -1}, 4),
        ({"n_jobs": -2}, 3),
        ({"cpus_per_task": 2}, 2),
        ({"cpus_per_task": None}, 1),
        ({"cpus_per_task": 8}, 1),
        ({"ray": {"remote": {"num_cpus": 2}}}, 2),
        ({"ray": {"remote": {"num_cpus": 0.5}}}, 4),
    ],
)
def test_a_launcher_says_how_many_jobs_share_a_machine(
    monkeypatch: pytest.MonkeyPatch, launcher: dict[str, Any], jobs: int
) -> None:
    monkeypatch.setattr(places, "available", lambda: EIGHT)
    hydra = OmegaConf.structured(HydraConf(mode=RunMode.MULTIRUN))
    hydra.launcher = launcher
    assert places.at_once(hydra) == jobs
    hydra.mode = RunMode.RUN
    assert places.at_once(hydra) == 1


def test_a_job_has_the_place_that_its_process_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hydra = OmegaConf.structured(HydraConf(mode=RunMode.MULTIRUN))
    hydra.sweep.dir = str(tmp_path)
    hydra.launcher = {"n_jobs": 1}
    assert places.place(hydra) == ALONE
    monkeypatch.setattr(places.places, "take", lambda folder, count: 2)
    hydra.launcher = {"n_jobs": 3}
    assert places.place(hydra) == Place(2, 3)


def settings(**sweep: Any) -> DictConfig:
    return OmegaConf.create(
        {"sweep": {"devices": None, **sweep}, "device": {"id": 4}, "train": {"resume": None}}
    )


def test_a_job_has_the_device_of_its_place(tmp_path: Path) -> None:
    composed = settings(devices=2)
    places.settle(composed, Place(1, 2), tmp_path)
    assert composed.device.id == 5
    composed = settings()
    places.settle(composed, Place(1, 2), tmp_path)
    assert composed.device.id == 4


def test_a_job_that_was_begun_before_resumes_unless_told_otherwise(tmp_path: Path) -> None:
    composed = settings()
    places.settle(composed, ALONE, tmp_path)
    assert composed.train.resume is None
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    places.settle(composed, ALONE, tmp_path)
    assert composed.train.resume == "auto"


def test_jobs_side_by_side_are_told_one_device_each(tmp_path: Path, tiny_regdb: Path) -> None:
    words = ["job=check", "dataset=regdb", f"dataset.root={tiny_regdb}"]  # the quickest job
    words += ["device=gpu", "device.id=3", "sweep.devices=2", "hydra/launcher=joblib"]
    type_in(tmp_path, "-m", "seed=0,1", *words)
    logs = [log.read_text() for log in tmp_path.glob("multirun_sweeps/*/*/*/run.log")]
    told = sorted(
        line.split()[-1] for log in logs for line in log.splitlines() if "device " in line
    )
    assert told in (["3", "4"], ["3", "3"], ["4", "4"])  # joblib may give one process both
    assert not list(tmp_path.glob("multirun_sweeps/*/*/.places"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "seed=0,1", "sweep.devices=2"], "sweep.devices=2: a launcher that runs jobs side"),
        (["sweep.devices=2"], "sweep.devices=2: no sweep is given"),
        (
            ["-m", "sweep.devices=2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=3"],
            "hydra.launcher.n_jobs=3 is more; use 2 at most",
        ),
        (
            ["-m", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=1"],
            "signal_delay_s=120: use fewer seconds than hydra.launcher.timeout_min=1 has",
        ),
        (
            ["-m", "hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=0"],
            "hydra.launcher.cpus_per_task=0: use a number of 1 or more",
        ),
        (
            ["-m", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=long"],
            "hydra.launcher.timeout_min=long: use a number",
        ),
    ],
)
def test_what_a_launcher_cannot_do_is_refused_in_one_line(
    tmp_path: Path, words: list[str], said: str
) -> None:
    (line,) = type_in(tmp_path, *words, code=2).stderr.strip().splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())
