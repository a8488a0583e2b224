"""Which process of a run this one is, and what of a whole is its own. No MindSpore."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ddag.machine.errors import InputError, require

# What MindSpore reads, set by ``runs/launch.py``, by msrun or by whoever starts the processes.
ROLE, WORKER, SCHEDULER = "MS_ROLE", "MS_WORKER", "MS_SCHED"
INDEX, COUNT = "MS_NODE_ID", "MS_WORKER_NUM"
HOST, PORT = "MS_SCHED_HOST", "MS_SCHED_PORT"
DEVICE = "DEVICE_ID"  # which device of its machine a process has


@dataclass(frozen=True)
class Share:
    """A process among those of one run; by default the only one.

    Attributes:
        index: which it is, from 0.
        count: how many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes what the run leaves."""
        return self.index == 0

    def rows(self, size: int) -> slice:
        """This process's own of ``size`` rows; the processes' own, one after the other, are all.

        Raises:
            InputError: the rows cannot be divided evenly.
        """
        require(
            size % self.count == 0,
            "device.workers",
            self.count,
            f"a batch has {size} samples, sampler.identities * sampler.images, which"
            f" {self.count} processes cannot share evenly; use numbers that divide",
        )
        own = size // self.count
        return slice(self.index * own, (self.index + 1) * own)


ALONE = Share()


def role() -> str:
    """What whoever started this process wants it to be in a run of several; empty for nothing."""
    return os.environ.get(ROLE, "")


def of_environment() -> Share:
    """This process's place, as whoever started it says.

    Raises:
        InputError: it is one of several, and not said which.
    """
    if role() != WORKER:
        return ALONE
    count, index = _number(COUNT), _number(INDEX)
    require(count >= 1, COUNT, count, "use 1 or more")
    require(index < count, INDEX, index, f"{COUNT}={count}; use 0 to {count - 1}")
    return Share(index, count)


def device_offset() -> int:
    """By how much this process's device comes after ``device.id``."""
    return _number(DEVICE) if role() == WORKER and DEVICE in os.environ else 0


def was_left_alone(error: BaseException) -> bool:
    """Whether something failed because another process did not add its part to a sum in time."""
    return isinstance(error, RuntimeError) and "AllReduce" in str(error)


def _number(name: str) -> int:
    value = os.environ.get(name, "")
    if not value.isdecimal():
        raise InputError(
            f"{name}={value}: {ROLE}={WORKER} needs a whole number there; give each process its"
            " own (msrun does where --node_rank is given)"
        )
    return int(value)
