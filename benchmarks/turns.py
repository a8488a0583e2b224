"""Contestants that take turns in one run, each in a process of its own.

On a shared machine a time alone says little: what else runs there hits whoever is measured then.
Here A and B take turns, A, B, A, B, ..., and the median over the rounds of A's share of B's time
is what counts.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Callable

Turn = Callable[[], object]  # what is timed
Prepare = Callable[[], Turn]  # readies a process; picklable, so that it can be sent there


@dataclass
class Times:
    """What a contestant's turns took."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)  # of all its threads
    preparation: float = 0.0  # seconds until the first turn was over
    memory: float = 0.0  # the most it ever held, GB


def take_turns(
    contestants: Mapping[str, Prepare], *, rounds: int, lives: int = 1
) -> dict[str, Times]:
    """Times of ``rounds`` turns of each contestant, taken in turns after one that does not count.

    Args:
        contestants: by name; each lives in a process of its own until the last round.
        rounds: turns of each.
        lives: how often all of that is done, each time by new processes: where its memory lies
            may make one fast or slow for good.
    """
    times = {name: Times() for name in contestants}
    for _ in range(lives):
        with _processes(contestants) as ends:
            for name, end in ends.items():
                times[name].preparation = end.recv()
            for _ in range(rounds):
                for name, end in ends.items():
                    end.send(True)
                    seconds, cpu_seconds, times[name].memory = end.recv()
                    times[name].seconds.append(seconds)
                    times[name].cpu_seconds.append(cpu_seconds)
    return times


def ratio(one: Times, other: Times) -> float:
    """``one``'s time as a share of ``other``'s, the median over the rounds."""
    return median(a / b for a, b in zip(one.seconds, other.seconds))


def cpu_ratio(one: Times, other: Times) -> float:
    """As ``ratio``, of the processors' time."""
    return median(a / b for a, b in zip(one.cpu_seconds, other.cpu_seconds))


@contextmanager
def _processes(contestants: Mapping[str, Prepare]) -> Iterator[dict[str, Connection]]:
    """A connection to each contestant, prepared one after another."""
    # Where MindSpore is imported it sets this to 1 behind Python's back, for its own process:
    # PyTorch in a process that inherits it would compute on one thread.
    if "OMP_NUM_THREADS" not in os.environ:
        os.unsetenv("OMP_NUM_THREADS")
    context = multiprocessing.get_context("spawn")
    ends, processes = {}, []
    try:
        for name, prepare in contestants.items():
            ends[name], far = context.Pipe()
            process = context.Process(target=_live, args=(prepare, far), daemon=True)
            process.start()
            far.close()
            processes.append(process)
            ends[name].poll(None)  # until it is ready: two must not warm up at once
        yield ends
    finally:
        for end in ends.values():
            end.close()
        for process in processes:
            process.join(10)
            process.terminate()


def _live(prepare: Prepare, end: Connection) -> None:
    """A contestant's process: prepare, then a turn whenever asked, until the other end closes."""
    start = time.perf_counter()
    turn = prepare()
    turn()
    end.send(time.perf_counter() - start)
    while True:
        try:
            end.recv()
        except EOFError:
            return
        start, cpu_start = time.perf_counter(), time.process_time()
        turn()
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        end.send((seconds, cpu_seconds, _peak_memory()))


def _peak_memory() -> float:
    """The most that this process ever held, in GB.

    Linux keeps it in its status; ``resource.getrusage`` starts from what the parent held.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e6  # kB
