"""A run's checkpoints: written as it goes, found again, and refused where they do not fit."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from mindspore import nn

from ddag.data.fingerprint import same_images
from ddag.machine import processors, run_folders
from ddag.machine.errors import InputError
from ddag.machine.files import remove_drafts, replacing
from ddag.machine.run_folders import BEST, CHECKPOINTS, LAST, PREVIOUS
from ddag.runs import provenance
from ddag.settings.choices import Target
from ddag.settings.plain import dotted, to_plain
from ddag.settings.settings import Settings
from ddag.training import checkpoint
from ddag.training.checkpoint import Checkpoint, DamagedError
from ddag.training.description import Description
from ddag.training.learner import Learner
from ddag.training.progress import Progress
from ddag.training.step import names

log = logging.getLogger(__name__)

# What may differ between a run and what resumes it: how long, where, on what, and what is shown.
FREE = (
    "tag", "checkpoint", "job", "sweep", "report", "logger", "output", "dataset.root",
    "device.target", "device.id", "device.mode", "device.workers", "device.threads",
    "device.cache", "data.test_batch", "model.pretrained", "train.epochs", "train.eval_every",
    "train.eval_start", "train.save_every", "train.save_every_steps", "train.patience",
    "train.resume", "train.on_nan",
)  # fmt: skip


class CheckpointFolder:
    """The checkpoints of one run folder."""

    def __init__(
        self,
        run: Path,
        learner: Learner,
        optimizer: nn.Optimizer,
        *,
        settings: Settings,
        identities: int,
        images: str,
        steps: int,
        writes: bool = True,
    ) -> None:
        """Describe what is saved.

        Args:
            run: the run folder.
            learner: its weights are saved, and the optimiser's.
            optimizer: of the learner.
            settings: of the run.
            identities: how many the network tells apart.
            images: fingerprint of the training images.
            steps: of an epoch.
            writes: whether this process is the one that does; another reads what that one wrote.
        """
        self._folder, self._writes = run / CHECKPOINTS, writes
        self._learner, self._optimizer, self._steps = learner, optimizer, steps
        self._described = Description(
            to_plain(settings),
            identities=identities,
            epoch=0,
            step=0,
            images=images,
            threads=processors.count(),
            processor=processors.kind(),
            environment=dict(provenance.collect()),
        )
        if writes:
            remove_drafts(self._folder)

    @property
    def best(self) -> Path:
        """Where the weights of the best epoch are, without an optimiser."""
        return self._folder / BEST

    def save(self, progress: Progress) -> None:
        """Write ``last.ckpt``; the one before it stays as ``previous.ckpt``.

        Raises:
            InputError: it cannot be written; the earlier one stays.
        """
        previous = self._folder / PREVIOUS
        self._save(self._folder / LAST, progress, optimizer=self._optimizer, previous=previous)

    def save_epoch(self, progress: Progress) -> None:
        """Write a checkpoint that stays; raises as ``save``."""
        path = self._folder / f"epoch_{progress.epoch:03d}.ckpt"
        self._save(path, progress, optimizer=self._optimizer)

    def save_best(self, progress: Progress) -> None:
        """Write ``best.ckpt``; raises as ``save``."""
        self._save(self.best, progress)

    def load_best(self) -> Description:
        """Give the network the weights of the best epoch; what their checkpoint says.

        Raises:
            InputError: the checkpoint is missing or damaged.
        """
        stored = checkpoint.read(self.best)
        checkpoint.load_weights(self._learner, stored, self.best)
        return stored.described

    def restore(self, wanted: Path) -> Progress:
        """Give network and optimiser the state of a checkpoint, and say how far it had come.

        Args:
            wanted: a checkpoint, or a run folder: its newest undamaged one.

        Raises:
            InputError: there is none, or it is of another run.
        """
        path, stored = find(wanted)
        refuse_other_run(stored.described, path, ours=self._described)
        warn_of_other_processors(stored.described, path, ours=self._described)
        progress = _progress(stored, path, names(self._learner.objective), self._steps)
        checkpoint.load_weights(self._learner, stored, path)
        checkpoint.load_optimizer(self._learner, self._optimizer, stored, path)
        log.info(
            "Resuming from %s: %d epochs and %d batches are done",
            path, progress.epoch, progress.position,
        )  # fmt: skip
        return self._with_best(progress, path.with_name(BEST))

    def _with_best(self, progress: Progress, best: Path) -> Progress:
        """The best epoch's checkpoint comes along; without it the best is sought anew."""
        if progress.best_epoch is None:
            return progress
        found: Optional[int] = None
        if best.is_file():
            try:
                found = checkpoint.read(best).described.epoch
            except DamagedError as error:
                log.warning("%s", error)
        if found != progress.best_epoch:
            # Damaged, or of a later epoch: a run may end between saving its best and its last.
            log.warning("%s is not of epoch %d: the best is sought anew", best, progress.best_epoch)
            return replace(progress, best_score=None, best_epoch=None)
        if self._writes and best.resolve() != self.best.resolve():
            with replacing(self.best) as draft:
                shutil.copyfile(best, draft)
        return progress

    def _save(self, path: Path, progress: Progress, **how: Any) -> None:
        if not self._writes:
            return
        described = replace(
            self._described, epoch=progress.epoch, step=progress.step, progress=progress.to_plain()
        )
        checkpoint.save(path, self._learner, described, **how)


def find(wanted: Path) -> tuple[Path, Checkpoint]:
    """The checkpoint at ``wanted``, or the newest undamaged one of the run folder ``wanted``.

    Raises:
        InputError: there is none, or the newest cannot be read although it may be whole.
    """
    if not wanted.is_dir():
        return wanted, checkpoint.read(wanted)
    candidates = run_folders.saved(wanted)
    damaged: list[Path] = []
    for candidate in candidates:
        try:
            stored = checkpoint.read(candidate)
        except DamagedError as error:
            log.warning("%s", error)
            damaged.append(candidate)
            continue
        for each in damaged:
            log.warning("Taking the one before %s, which becomes %s.damaged", each, each.name)
            # Out of the way: the next save would put it in the place of the one before it.
            each.replace(each.with_name(f"{each.name}.damaged"))
        return candidate, stored
    what = "no undamaged checkpoint" if candidates else "no checkpoint to resume from"
    raise InputError(f"train.resume={wanted}: {what} there; name a run folder or a last.ckpt")


def refuse_other_run(theirs: Description, path: Path, *, ours: Description) -> None:
    """Refuse to resume with settings or images that would make it another run.

    Args:
        theirs: what the checkpoint says of itself.
        path: of the checkpoint.
        ours: what this run's checkpoints will say.

    Raises:
        InputError: what differs, each setting with both values.
    """
    before, now = dotted(theirs.settings), dotted(ours.settings)
    differing = [
        f"{key} was {before.get(key)} and is {now.get(key)}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key) and not _is_free(key)
    ]
    if differing:
        raise InputError(
            f"train.resume={path}: its run had other settings: {', '.join(differing)};"
            " give the same, or start anew from its weights with model.pretrained"
        )
    if not same_images(theirs.images, ours.images):
        raise InputError(
            f"train.resume={path}: the images of"
            f" dataset.root={ours.settings['dataset']['root']} are not those it was trained on;"
            " restore them, or start anew from its weights with model.pretrained"
        )


def warn_of_other_processors(theirs: Description, path: Path, *, ours: Description) -> None:
    """Say so where a run resumed goes on with other sums than it would have without a stop.

    How many processes and threads share a sum, and in what steps a processor takes it, decides how
    it is rounded.

    Args:
        theirs: what the checkpoint says of itself.
        path: of the checkpoint.
        ours: what this run's checkpoints will say.
    """
    differing = []
    before, now = (each.settings["device"].get("workers", 1) for each in (theirs, ours))
    if ours.settings["device"]["target"] != Target.CPU.value:
        theirs = replace(theirs, threads=0, processor="")
    if before != now:
        differing.append(f"device.workers was {before} and is {now}")
    elif theirs.threads not in (0, ours.threads):
        differing.append(
            f"it computed on {theirs.threads} threads and now on {ours.threads}"
            f" (device.threads={theirs.threads * now} keeps that)"
        )
    if theirs.processor not in ("", ours.processor):
        differing.append(f"it computed on {theirs.processor} and now on {ours.processor}")
    if differing:
        log.warning(
            "train.resume=%s: %s: the run goes on, but not to the bit as if it had not stopped",
            path, "; ".join(differing),
        )  # fmt: skip


def _progress(stored: Checkpoint, path: Path, terms: Sequence[str], steps: int) -> Progress:
    try:
        progress = Progress.from_plain(stored.described.progress, terms)
        if progress.position > steps:
            raise ValueError(f"{progress.position} batches of an epoch of {steps}")
        return progress
    except (KeyError, ValueError) as error:
        raise InputError(
            f"train.resume={path}: does not say how far its run had come; resume from a"
            " last.ckpt of this version, or start anew from its weights with model.pretrained"
        ) from error


def _is_free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE)
