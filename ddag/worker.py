"""A process of a run in several: ``python -m ddag.worker``, as ``runs/launch.py`` starts it."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ddag.machine import sharing

_PR_SET_PDEATHSIG = 1  # of Linux's prctl

log = logging.getLogger(__name__)


def main() -> None:
    """Do what the process that started this one says on the standard input."""
    brief = json.loads(sys.stdin.buffer.read() or b"{}")
    if not brief:
        sys.exit("python -m ddag.worker: is started by device.workers=N")
    _end_with(brief["parent"])
    if sharing.role() == sharing.SCHEDULER:
        schedule()
        return
    if brief["processors"]:  # before NumPy and MindSpore start as many threads as there are
        os.sched_setaffinity(0, brief["processors"])
    from ddag.machine import environment, output
    from ddag.settings.endings import leaving_at_once, one_line_errors

    environment.tolerate()
    output.secure()
    sys.argv[:] = brief["command"]
    with leaving_at_once(), one_line_errors(), output.leaving():
        _work(brief)
    logging.shutdown()
    os._exit(0)  # where it is ended in order, MindSpore prints what it is doing


def schedule() -> None:
    """Be the process through which the others of a run meet, until they have left."""
    from ddag.machine import environment

    environment.prepare()
    from ddag.machine import device

    device.schedule()


def _work(brief: dict[str, Any]) -> None:
    """Do the share of the job, and answer with the score or with what is wrong.

    All but the first then wait to be ended, also where they were asked to stop: who leaves early
    is missed. What the others need of it may be on its way still, and MindSpore has them wait for
    it or ends them by a SIGTERM.
    """
    from omegaconf import OmegaConf

    from ddag import composition, jobs
    from ddag.machine import environment, interruption
    from ddag.runs import launch, workers
    from ddag.settings.endings import BAD_INPUT, is_bad_input, one_line

    folder, share = Path(brief["folder"]), sharing.of_environment()
    workers.start_log(folder, share)
    interruption.shield()
    environment.prepare()
    said: dict[str, Any]
    try:
        settings = composition.parse(OmegaConf.create(brief["settings"]))
        said = {"score": jobs.perform(settings, folder, brief["given"])}
    except interruption.Stopped:
        _stay(share)
        raise
    except Exception as error:
        if sharing.was_left_alone(error):
            log.error("The other processes do not answer any more")
            sys.exit(launch.LONELY)
        if not is_bad_input(error):
            raise
        said = {"error": one_line(error)}
    os.write(brief["answer"], json.dumps(said).encode())
    if "error" in said:
        sys.exit(BAD_INPUT)
    _stay(share)


def _stay(share: sharing.Share) -> None:
    """Wait to be ended, unless this is the first process."""
    while not share.first:
        signal.pause()


def _end_with(parent: int) -> None:
    """Have the system kill this process where the one that started it ends, however that ends."""
    with suppress(AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        sys.exit(128 + signal.SIGKILL)


if __name__ == "__main__":
    main()
