from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.conf import HydraConf, JobConf
from hydra.types import RunMode
from omegaconf import OmegaConf

from ddag.machine import processors
from ddag.machine.errors import InputError
from ddag.machine.processors import ALONE, Place, Processors
from ddag.settings import composition as config

EIGHT = Processors(cores=[0, 1, 2, 3], others=[4, 5, 6, 7])  # four cores of two hyper-threads


def test_a_job_alone_has_every_physical_core_and_no_hyper_thread() -> None:
    assert EIGHT.share(None, ALONE) == [0, 1, 2, 3]


def test_hyper_threads_serve_who_asks_for_more_than_the_cores() -> None:
    assert EIGHT.share(6, ALONE) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError, match=r"device.threads=9: this process may use 8"):
        EIGHT.share(9, ALONE)


def test_jobs_side_by_side_share_the_cores() -> None:
    assert [EIGHT.share(None, Place(number, 2)) for number in range(3)] == [[0, 1], [2, 3], [0, 1]]
    assert [EIGHT.share(None, Place(number, 9))[0] for number in range(5)] == [0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("files", "processors_of_time"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({}, None),
    ],
)
def test_a_cgroups_quota_counts_in_processors(
    tmp_path: Path, files: dict[str, str], processors_of_time: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert processors.quota(tmp_path) == processors_of_time


def test_a_claim_holds_for_a_process_without_mindspore() -> None:
    script = (
        "import os; from ddag.machine import processors as p;"
        "p.claim(1, p.Place(1, 2)); print(len(os.sched_getaffinity(0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_a_claim_comes_too_late_where_mindspore_runs() -> None:
    before = os.sched_getaffinity(0)
    processors.claim(1, ALONE)
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(
    ("launcher", "place"),
    [({}, ALONE), ({"n_jobs": 2}, Place(3, 2)), ({"n_jobs": -1}, Place(3, 4))],
)
def test_a_jobs_place_is_its_launchers(
    monkeypatch: pytest.MonkeyPatch, launcher: dict[str, int], place: Place
) -> None:
    monkeypatch.setattr(config, "available", lambda: EIGHT)
    hydra = OmegaConf.structured(HydraConf(mode=RunMode.MULTIRUN, job=JobConf(num=3)))
    hydra.launcher = launcher
    assert config.place(hydra) == place
