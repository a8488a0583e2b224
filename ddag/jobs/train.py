"""The job train: train, evaluate the best epoch on every gallery, say what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from ddag.jobs.evaluate import describe
from ddag.machine import interruption, sharing
from ddag.machine.files import claimed
from ddag.machine.interruption import Stopped
from ddag.machine.run_folders import CHECKPOINTS, saved
from ddag.runs import console
from ddag.runs.loggers.logger import refuse_missing
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.loop import Loop


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Train, write the result of the best epoch into ``folder`` and return its score.

    Args:
        settings: of the run.
        folder: for everything that the run leaves.
        given: overrides of the command line, to say how an interrupted run is resumed.

    Raises:
        InputError: settings, data set or checkpoint do not work.
        Stopped: Ctrl-C or SIGTERM; what was trained is saved.
    """
    start, share = time.monotonic(), sharing.of_environment()
    refuse_missing(settings.logger)
    parts.configure_device(settings)
    with claimed(folder / CHECKPOINTS) if share.first else nullcontext():
        loop = Loop(settings, folder, share)
        agree = loop.parts.exchange.any if share.count > 1 else None
        try:
            with interruption.listening(agree=agree) as requests:
                evaluation, described = loop.run(requests)
        except Stopped:
            if saved(folder) and share.first:
                console.show_resume_command(given, folder)
            raise
    result = describe(loop.parts, evaluation, described, loop.best, start)
    if not share.first:
        return result.score
    progress = loop.progress
    result = replace(result, untrained=progress.untrained, warnings=tuple(progress.dead.values()))
    result.write(folder)
    console.show_result(result)
    console.show_next_commands(folder, loop.best, board=settings.logger.tensorboard)
    return result.score
