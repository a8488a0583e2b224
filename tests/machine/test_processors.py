from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

import pytest

from ddag.machine import processors
from ddag.machine.errors import InputError
from ddag.machine.processors import ALONE, Place, Processors

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
    ("allowed", "counted", "cores", "others"),
    [
        (range(8), 4, [0, 2, 4, 6], [1, 3, 5, 7]),  # joblib counts the physical cores
        ({0, 1, 2, 3, 5}, 5, [0, 2, 5], [1, 3]),  # by affinity it counts hyper-threads as well
        (range(8), 3, [0, 2, 4], [1, 3, 5, 6, 7]),  # a cgroup's quota
    ],
)
def test_as_many_processors_as_joblib_counts_each_of_another_core(
    monkeypatch: pytest.MonkeyPatch,
    allowed: Iterable[int],
    counted: int,
    cores: list[int],
    others: list[int],
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(allowed))
    monkeypatch.setattr("joblib.cpu_count", lambda **_: counted)
    monkeypatch.setattr(processors, "_core", lambda processor: str(processor // 2))
    assert processors.available() == Processors(cores, others)


@pytest.mark.parametrize("first", ["", "import numpy; "])
def test_a_claim_holds_for_every_thread_of_a_process_without_mindspore(first: str) -> None:
    script = (
        f"{first}import os, threadpoolctl; from ddag.machine import processors as p;"
        "p.claim(1, p.Place(1, 2)); import numpy;"
        "threads = {frozenset(os.sched_getaffinity(int(each)))"
        "           for each in os.listdir('/proc/self/task')};"
        "print(len(threads), *map(len, threads),"
        "      *{each['num_threads'] for each in threadpoolctl.threadpool_info()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1", "1"]


def test_a_claim_comes_too_late_where_mindspore_runs() -> None:
    before = os.sched_getaffinity(0)
    processors.claim(1, ALONE)
    assert os.sched_getaffinity(0) == before
