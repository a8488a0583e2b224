"""How a run begins: anew, from foreign weights, or where an earlier one stopped."""

from __future__ import annotations

import logging
from pathlib import Path

from ddag.machine.errors import InputError
from ddag.machine.run_folders import AUTO, saved
from ddag.machine.sharing import ALONE, Share
from ddag.runs.tracking import Silent, Tracker
from ddag.settings.plain import hyperparameters
from ddag.settings.settings import Settings
from ddag.training.checkpoints import CheckpointFolder
from ddag.training.parts import Parts
from ddag.training.progress import Progress
from ddag.training.step import names
from ddag.weights import filling

log = logging.getLogger(__name__)


def begin(parts: Parts, run: Path, checkpoints: CheckpointFolder) -> Progress:
    """Take the weights that the settings name; how far they had come.

    Args:
        parts: of the run.
        run: the run folder.
        checkpoints: in it.

    Raises:
        InputError: there are no such weights, or the folder holds those of another run.
    """
    settings = parts.settings
    wanted = settings.train.resume
    if wanted == AUTO and not saved(run):
        log.info("train.resume=auto: no unfinished run, a new one begins")
        wanted = None
    if wanted:
        return checkpoints.restore(run if wanted == AUTO else Path(wanted))
    if saved(run):
        raise InputError(
            f"hydra.run.dir={run}: holds the checkpoints of an earlier run; resume it by"
            " train.resume=auto, or choose another folder"
        )
    if settings.model.pretrained:
        _fill(parts, Path(settings.model.pretrained))
        if parts.average is not None:
            parts.average.restart()
    return Progress(names(parts.learner.objective))


def track(settings: Settings, run: Path, progress: Progress, share: Share = ALONE) -> Tracker:
    """The records in the run folder ``run``, without what is still to come.

    Args:
        settings: of the run.
        run: the run folder.
        progress: of the run.
        share: of this process; all but the first record nothing.

    Raises:
        InputError: a file cannot be written, or a logger is not there.
    """
    if not share.first:
        return Silent(settings.logger)
    return Tracker(
        run,
        hyperparameters(settings),
        first=progress.epoch + 1 if progress.epoch else 0,
        step=progress.step + 1,
        loggers=settings.logger,
        tag=settings.tag,
    )


def _fill(parts: Parts, path: Path) -> None:
    """Start from foreign weights, and say what became of each."""
    report = filling.load(
        parts.learner,
        path,
        source=f"model.pretrained={path}",
        names=parts.method.names,
        for_training=True,
    )
    for row in report.lines():
        log.info("%s", row)
