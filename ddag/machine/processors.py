"""Which of the machine's processors a process computes on.

MindSpore on the CPU starts as many threads as the process has processors. ``runtime_num_threads``,
``OMP_NUM_THREADS`` and ``dispatch_threads_num`` do not change that; what holds it back is the
processors that the process may use, settled before the threads start.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
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

    cores: list[int]  # one processor of each physical core, no more than may run at a time
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
        _keep_to(chosen)
        log.info("Computing on processors %s", ", ".join(map(str, sorted(chosen))))


def count() -> int:
    """How many threads MindSpore computes on in this process."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def kind() -> str:
    """What the processors are, such as ``AMD EPYC 7763 64-Core Processor``."""
    file = Path("/proc/cpuinfo")
    said = file.read_text(encoding="utf-8") if file.is_file() else ""
    named = re.search(r"^model name\s*: *(.+)$", said, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def available() -> Processors:
    """The processors of this process: as many as joblib counts, each of another core."""
    # Only here: it imports NumPy, and --help passes this module.
    from joblib import cpu_count  # type: ignore[import-untyped]

    allowed = sorted(os.sched_getaffinity(0))
    first_of_core: dict[str, int] = {}
    for processor in allowed:
        first_of_core.setdefault(_core(processor), processor)
    # joblib knows the cgroup's quota, but counts hyper-threads as cores where there is one, or
    # where the process may not use every processor.
    cores = list(first_of_core.values())[: cpu_count(only_physical_cores=True)]
    return Processors(cores, [each for each in allowed if each not in cores])


def _keep_to(processors: Sequence[int]) -> None:
    """Compute on these only, in the threads that run already too: NumPy's start at its import."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), processors)
    for pool in ThreadpoolController().lib_controllers:
        if (pool.num_threads or 0) > len(processors):
            pool.set_num_threads(len(processors))


def _core(processor: int) -> str:
    """What the hyper-threads of one core have in common."""
    file = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return file.read_text(encoding="utf-8") if file.is_file() else str(processor)
