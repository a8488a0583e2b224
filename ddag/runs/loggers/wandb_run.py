"""A run in Weights & Biases, offline in its own folder or online."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from ddag.machine.border import read_text
from ddag.machine.errors import InputError
from ddag.machine.files import write_text
from ddag.machine.words import shortened
from ddag.runs import provenance
from ddag.runs.loggers.logger import Beginning, Logger, load
from ddag.settings.loggers import WandbConfig, WandbMode

NAME = "wandb_run.txt"  # in the run folder: the run's id, by which a resumed one goes on
_ID = re.compile(r"[0-9a-f]{32}")


class WandbRun(Logger):
    """One run; its files lie in ``wandb/`` in the run folder."""

    def __init__(self, beginning: Beginning, chosen: WandbConfig) -> None:
        """Open a run, or the one that an earlier session began.

        Raises:
            InputError: wandb cannot begin a run.
        """
        if chosen.mode is WandbMode.offline:
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which would go online
        wandb = load("wandb")
        settings = wandb.Settings(
            # It would else print, take the screen over and look for a repository around.
            console="off", silent=True, disable_git=True, save_code=False, symlink=False,
        )  # fmt: skip
        try:
            self._run = wandb.init(
                dir=str(beginning.folder),
                project=chosen.project or beginning.tag,
                name=beginning.folder.name,
                id=_id(beginning),
                resume="allow" if chosen.mode is WandbMode.online else None,
                mode=chosen.mode.value,
                config={**beginning.hyperparameters, "environment": dict(provenance.collect())},
                settings=settings,
            )
        except Exception as error:  # of wandb, of the network
            raise InputError(
                f"logger.wandb.mode={chosen.mode.value}: no run begins ({shortened(error, 200)});"
                " use offline, or choose another logger"
            ) from error
        _remove_links(beginning.folder / "wandb")
        for axis, names in (("step", ("train/loss_by_step",)), ("epoch", ("train/*", "eval/*"))):
            self._run.define_metric(axis)
            for name in names:
                self._run.define_metric(name, step_metric=axis)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Hand the epoch over."""
        self._run.log({"epoch": epoch, **values})

    def log_step(self, step: int, loss: float) -> None:
        """Hand the loss over."""
        self._run.log({"step": step, "train/loss_by_step": loss})

    def close(self, *, finished: bool) -> None:
        """Have all written, and say how the run ended."""
        self._run.finish(exit_code=0 if finished else 1)


def _remove_links(folder: Path) -> None:
    """Remove the link to a log of wandb's own: a sweep that links lead out of is not resumed."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            path.unlink()


def _id(beginning: Beginning) -> str:
    file = beginning.folder / NAME
    if beginning.resumed and file.is_file():
        known = read_text(file).strip()
        if _ID.fullmatch(known):
            return known
    made = uuid.uuid4().hex
    write_text(file, f"{made}\n")
    return made
