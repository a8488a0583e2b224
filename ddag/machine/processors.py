"""Which of the machine's processors a process computes on.

MindSpore on the CPU starts as many threads as the process has processors. ``runtime_num_threads``,
``OMP_NUM_THREADS`` and ``dispatch_threads_num`` do not change that; what holds it back is the
processors that the process may use, settled before the threads start.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ddag.machine.errors import require

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """A job among those that run at the same time."""

    number: int = 0
    jobs: int = 1


ALONE = Place()


@dataclass(frozen=True)
class Processors:
    """What this process may use."""

    cores: list[int]  # one processor of each physical core, no more than the quota lets run
    others: list[int]  # the rest: hyper-threads of the same cores, and what is beyond the quota

    def share(self, threads: Optional[int], place: Place) -> list[int]:
        """The processors of one job.

        Args:
            threads: how many; None for the physical cores divided by the jobs.
            place: jobs side by side get other processors as far as there are any.

        Raises:
            InputError: there are fewer.
        """
        count = threads or max(1, len(self.cores) // place.jobs)
        every = [*self.cores, *self.others]
        few = f"this process may use {len(every)} processors; use at most {len(every)}, or null"
        require(count <= len(every), "device.threads", count, few)
        usable = self.cores if count <= len(self.cores) else every
        first = place.number * count
        return [usable[(first + each) % len(usable)] for each in range(count)]


def claim(threads: Optional[int], place: Place) -> None:
    """Keep this process to its share of the processors; call it before MindSpore is imported.

    Raises:
        InputError: ``threads`` is more than there are.
    """
    # Where MindSpore is imported its threads run, and keep what they were given: a later job of a
    # sweep in the same process.
    if "mindspore" in sys.modules or not hasattr(os, "sched_setaffinity"):
        return
    chosen = available().share(threads, place)
    if set(chosen) != os.sched_getaffinity(0):
        os.sched_setaffinity(0, chosen)
        log.info("Computing on processors %s", ", ".join(map(str, sorted(chosen))))


def available() -> Processors:
    """The processors of this process by affinity and cgroup."""
    allowed = sorted(os.sched_getaffinity(0))
    first_of_core: dict[str, int] = {}
    for processor in allowed:
        first_of_core.setdefault(_core(processor), processor)
    cores = list(first_of_core.values())[: quota(Path("/sys/fs/cgroup"))]
    return Processors(cores, [each for each in allowed if each not in cores])


def quota(cgroup: Path) -> Optional[int]:
    """How many processors' time the cgroup at ``cgroup`` has, rounded up; None for no limit."""
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):  # version 2, 1
        files = [cgroup / name for name in names]
        if all(file.is_file() for file in files):
            time, period = " ".join(file.read_text() for file in files).split()
            return None if time in ("max", "-1") else math.ceil(int(time) / int(period))
    return None


def _core(processor: int) -> str:
    """What the hyper-threads of one core have in common."""
    file = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return file.read_text() if file.is_file() else str(processor)
