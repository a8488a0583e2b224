"""Jobs: what ``job=`` can name, each done by the module of its name."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

from ddag.machine import interruption, memory, sharing
from ddag.machine.errors import InputError
from ddag.machine.words import duration
from ddag.runs import launch, provenance, workers
from ddag.settings.plain import dotted, to_plain
from ddag.settings.settings import Settings

log = logging.getLogger(__name__)

# The settings by which a module takes less memory, by the beginning of its name. What reads batches
# is called by both training and evaluation, and so is not among them.
_STEP = ("sampler.identities", "sampler.images", "data.height")
_LOWER = {
    "ddag.evaluation": ("data.test_batch", "data.height"),
    "ddag.training": _STEP,
    "ddag.jobs.profile": _STEP,
    "ddag.data.images": ("data.height", "data.width"),
    "ddag.datasets": ("data.height", "data.width"),
}


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Do the job and return its score, 0 for one that has none.

    Args:
        settings: of the run; ``job.name`` is a key of ``settings.jobs.JOBS``.
        folder: the run folder.
        given: overrides of the command line.

    Raises:
        InputError: something given does not work.
    """
    from ddag.runs import console  # NumPy and rich: --help should not wait for them
    from ddag.storage import mirror

    start, share = time.monotonic(), sharing.of_environment()
    if share.first:
        console.announce(settings, folder)
        provenance.write(folder)
    else:
        workers.start_log(folder, share)
    work = launch.run if launch.starts(settings.device) else perform
    with mirror.following(settings.output.mirror if share.first else None, folder):
        score = work(settings, folder, given)
    if settings.job.computes:
        log.info("done in %s", duration(time.monotonic() - start))
    return score


def perform(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Do the job in this process, and nothing around it; as ``run``.

    Raises:
        InputError: as ``run``.
    """
    with interruption.held(), _importing(settings):
        job = import_module(f"ddag.jobs.{settings.job.name}")
    try:
        score: float = job.run(settings, folder, given)
    except Exception as error:
        if not memory.is_lacking(error):
            raise
        raise _lacking(error, settings) from error
    return score


def _importing(settings: Settings) -> AbstractContextManager[None]:
    """The wait for MindSpore, which takes seconds, and which not every job needs."""
    from ddag.machine.bar import clock

    waits = settings.job.computes and "mindspore" not in sys.modules
    return clock("importing MindSpore") if waits else nullcontext()


def _lacking(error: Exception, settings: Settings) -> InputError:
    """The settings to lower, with their values, where memory did not suffice."""
    names = memory.asked_by(error, _LOWER) or tuple(dict.fromkeys(sum(_LOWER.values(), ())))
    values = dotted(to_plain(settings))
    said = ", ".join(f"{name}={values[name]}" for name in names)
    needed = memory.needed(error)
    more = f" ({needed} were asked for at once)" if needed else ""
    return InputError(f"memory: there is too little for this job{more}; lower {said}")
