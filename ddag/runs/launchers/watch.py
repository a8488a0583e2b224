"""Jobs seen through to their ends: sent off as places get free, heard, stopped together."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.core.utils import JobReturn

from ddag.runs.launchers.job import Job

log = logging.getLogger(__name__)

PAUSE = 0.3  # seconds between two looks at the jobs
GRACE = 60.0  # seconds that jobs have to save when the sweep is stopped


class Sent(ABC):
    """A job that runs elsewhere, or waits there to run."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @abstractmethod
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""

    @abstractmethod
    def outcome(self) -> JobReturn:
        """What came of it, once it is over; its failure is kept in its folder."""

    @abstractmethod
    def stop(self) -> None:
        """Ask it to save and to end."""

    @abstractmethod
    def show(self) -> None:
        """Print what it has printed since the last time."""


class Log:
    """A file that another process writes, shown here line by line as it grows."""

    def __init__(self, path: Path, label: str) -> None:
        """Show the lines of ``path``, each beginning with ``label``."""
        self._path, self._label = path, label
        self._read, self._begun = 0, b""

    def show(self) -> None:
        """Print the lines that have been ended since the last time."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._read:  # written anew, by a job that was requeued
                    self._read, self._begun = 0, b""
                file.seek(self._read)
                new = file.read()
        except OSError:  # not there yet
            return
        self._read += len(new)
        *lines, self._begun = (self._begun + new).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", errors="replace")
            print(text if text.startswith(self._label) else f"{self._label}{text}", flush=True)


def see_through(
    jobs: Sequence[Job], send: Callable[[Job], Sent], *, at_once: int
) -> list[JobReturn]:
    """What came of each of the jobs, in their order.

    Args:
        jobs: none of which has been sent.
        send: sends one off.
        at_once: so many are under way at a time.

    Raises:
        BaseException: whatever ends the sweep before; the jobs under way have been stopped.
    """
    waiting, under_way = deque(jobs), list[Sent]()
    returned: dict[int, JobReturn] = {}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_once:
                under_way.append(send(waiting.popleft()))
            time.sleep(PAUSE)
            for sent in list(under_way):
                over = sent.is_over()
                sent.show()  # after that, so that nothing of its last words is missed
                if over:
                    under_way.remove(sent)
                    returned[sent.job.number] = sent.outcome()
    except BaseException:
        _stop(under_way)
        raise
    return [returned[job.number] for job in jobs]


def _stop(under_way: Sequence[Sent]) -> None:
    """End the jobs that are under way, and give them the time to save."""
    log.warning("Stopping the jobs under way, once each has saved; the same again stops at once")
    for sent in under_way:
        sent.stop()
    left, end = list(under_way), time.monotonic() + GRACE
    while left and time.monotonic() < end:
        time.sleep(PAUSE)
        over = [sent for sent in left if sent.is_over()]
        for sent in left:
            sent.show()
        left = [sent for sent in left if sent not in over]
