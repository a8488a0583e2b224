"""A run's epochs, the evaluations between them, its checkpoints and records."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Optional

import numpy as np

from ddag.data.fingerprint import fingerprint
from ddag.evaluation.evaluator import Evaluation, monitored
from ddag.evaluation.metrics import scores_by_feature, summary
from ddag.machine.bar import bar, clock
from ddag.machine.errors import InputError
from ddag.machine.interruption import Requests
from ddag.machine.screen import SHORT
from ddag.machine.sharing import ALONE, Share
from ddag.machine.words import duration
from ddag.runs import console
from ddag.runs.loggers.tensorboard import TensorBoard
from ddag.runs.tracking import Tracker, flat
from ddag.settings.choices import OnNan
from ddag.settings.settings import Settings
from ddag.training import beginning, health, mishaps, parts, summaries
from ddag.training.checkpoints import CheckpointFolder
from ddag.training.description import Description
from ddag.training.pace import Pace
from ddag.training.progress import Progress
from ddag.training.scaling import OverflowedError
from ddag.training.step import NotFiniteError

log = logging.getLogger(__name__)


class Loop:
    """Everything that takes part in a run, from its settings.

    Attributes:
        parts: that it trains with.
        progress: how far it has come.

    Raises:
        InputError: settings, data set or checkpoint do not work.
    """

    def __init__(self, settings: Settings, run: Path, share: Share = ALONE) -> None:
        self._settings, self._folder, self._share = settings, run, share
        self.parts = parts.build(settings, share)
        method, learner, exchange = self.parts.method, self.parts.learner, self.parts.exchange
        # A broken test image would end the run at its first evaluation.
        test_set = self.parts.dataset.read_test(decode=True)
        self._evaluator = parts.build_evaluator(
            method, learner.network, self.parts.dataset, test_set, exchange=exchange
        )
        self._observer = parts.build_observer(method, learner.network)
        self._observed = summaries.observed(test_set)
        self._galleries = len(test_set.trials)
        self._best_evaluation: Optional[Evaluation] = None
        self._checkpoints = CheckpointFolder(
            run,
            learner,
            self.parts.state,
            settings=settings,
            identities=self.parts.train_set.identity_count,
            images=fingerprint(self.parts.train_set),
            steps=self.parts.steps,
            writes=share.first,
        )
        several = self._evaluator.image_count() if self._galleries > 1 else 0
        self._pace = Pace(
            epochs=settings.train.epochs,
            steps=self.parts.steps,
            images=self._evaluator.image_count([0]),
            last_images=several,
            is_due=self._is_due,
        )
        # A checkpoint that is damaged is put aside by the first process.
        self.progress = exchange.first_ahead(
            lambda: beginning.begin(self.parts, run, self._checkpoints)
        )
        self.parts.say(len(test_set.query), len(test_set.gallery))

    def run(self, requests: Requests) -> tuple[Evaluation, Description]:
        """Train what is left; scores of the best epoch, and what its checkpoint says.

        Args:
            requests: heard after every step and while evaluating.

        Raises:
            Stopped: a signal asked for it; the state is saved.
            InputError: a loss is not finite, or a checkpoint cannot be written.
        """
        if self._settings.train.eval_start and not self.progress.begun:
            scores = self.evaluate(requests, "the untrained network").mean
            log.info("untrained  %s", summary(scores))
            self.progress = replace(self.progress, untrained=scores_by_feature(scores))
        finished, untrained = self.progress.epoch, self.progress.untrained
        with beginning.track(self._settings, self._folder, self.progress, self._share) as tracker:
            if untrained and not finished:
                tracker.log(0, flat("eval", untrained))
            self.train(tracker, requests)
            evaluation, described = self.evaluate_best(requests)
            if tracker.board is not None:
                self._show_best(tracker.board, evaluation, described.epoch)
        return evaluation, described

    def train(self, tracker: Tracker, requests: Requests) -> None:
        """Train the epochs that are left; ``tracker`` records each, and raises as ``run``."""
        (batch,) = self.parts.loader.epoch(self.progress.epoch, batches=1)
        if tracker.board is not None:
            summaries.show_batch(tracker.board, batch, self.progress.epoch)
        if self.progress.epoch < self._settings.train.epochs:
            with clock("compiling the network, once"):
                self.parts.trainer.compile(batch, self._scalars)
        for epoch in range(self.progress.epoch, self._settings.train.epochs):
            if self._is_over():
                break
            values = self._train_epoch(epoch, tracker, requests)
            line = console.EpochLine(epoch + 1, self._settings.train.epochs, values)
            carried = self.parts.method.carry(self.progress.means)
            dead = health.watch(self.parts.method, self.progress, values)
            finished = self.progress.after_epoch(carried, dead)
            if self._is_due(finished.epoch):
                self._checkpoints.save(self.progress)  # an evaluation may take long
                with self.parts.averaged():
                    what = f"epoch {finished.epoch}"
                    evaluation = self.evaluate(requests, what, first_gallery_only=True)
                    finished = self._keep_best(finished, evaluation)
                    if tracker.board is not None:
                        shown = (self._observer, self._observed, finished.epoch)
                        summaries.show_attention(tracker.board, *shown)
                values.update(flat("eval", scores_by_feature(evaluation.mean)))
                # First in the alphabet, so that TensorBoard compares the jobs of a sweep by it.
                values["eval/best"] = finished.best_score or 0.0
                line = replace(line, scores=evaluation.mean)
            self.progress = finished
            line = replace(line, left=self._pace.left(finished))
            log.info("%s", line.full, extra={SHORT: line.short})
            tracker.log(finished.epoch, values)
            self._checkpoints.save(finished)
            every = self._settings.train.save_every
            if every and finished.epoch % every == 0:
                self._checkpoints.save_epoch(finished)

    def evaluate(
        self, requests: Requests, what: str, *, first_gallery_only: bool = False
    ) -> Evaluation:
        """Scores of the network as it is now, which is ``what``.

        Raises:
            Stopped: a signal asked for it.
        """
        trials = [0] if first_gallery_only else None
        images, start = self._evaluator.image_count(trials), time.perf_counter()
        with bar(f"evaluating {what}", images) as advance:

            def attend(count: int) -> None:
                advance(count)
                requests.listen()
                requests.obey()

            evaluation = self._evaluator.evaluate(trials=trials, advance=attend)
        self._pace.evaluation(time.perf_counter() - start, images)
        return evaluation

    def evaluate_best(self, requests: Requests) -> tuple[Evaluation, Description]:
        """Scores of the best checkpoint on every gallery, and what it says of itself.

        Raises:
            Stopped: a signal asked for it.
        """
        # The first process, which writes it, comes here once it has.
        described = self.parts.exchange.first_ahead(self._checkpoints.load_best)
        if self._galleries == 1 and self._best_evaluation:
            return self._best_evaluation, described  # the first gallery was all there is
        return self.evaluate(requests, "the best epoch on every gallery"), described

    @property
    def best(self) -> Path:
        """The best epoch's checkpoint."""
        return self._checkpoints.best

    def _show_best(self, board: TensorBoard, evaluation: Evaluation, epoch: int) -> None:
        feature = self.parts.method.features[-1]
        board.show_result(self.progress.epoch, scores_by_feature(evaluation.mean))
        summaries.show_rankings(board, evaluation.first, feature, epoch)

    @property
    def _scalars(self) -> dict[str, float]:
        """What the objective is told in the running epoch."""
        return self.parts.method.scalars(self.progress.carried)

    def _train_epoch(self, epoch: int, tracker: Tracker, requests: Requests) -> dict[str, float]:
        """Take the steps of an epoch that are left; its scalars."""
        taken_before = len(self.progress.losses)
        start = time.perf_counter()
        self._take_steps(epoch, tracker, requests)
        if not self.progress.losses:
            raise InputError(mishaps.all_skipped(self.progress))
        seconds = time.perf_counter() - start
        images = (len(self.progress.losses) - taken_before) * self._step_images
        rate = self.parts.rates[epoch]
        gate = self._observer.gate
        return {
            **{f"train/{name}": value for name, value in self.progress.means.items()},
            **{f"train/{name}": value for name, value in self._scalars.items()},
            **({} if gate is None else {"train/health/gate_spread": float(np.ptp(gate))}),
            "train/lr": rate,
            "train/lr_backbone": rate * self._settings.optimizer.backbone_scale,
            **mishaps.counts(self.progress, self.parts.scale),
            "train/images_per_second": images / seconds,
        }

    @property
    def _step_images(self) -> int:
        return self.parts.sampler.samples * len(self.parts.method.views)

    def _take_steps(self, epoch: int, tracker: Tracker, requests: Requests) -> None:
        steps, scalars = self.parts.steps, self._scalars
        with bar(f"epoch {epoch + 1}/{self._settings.train.epochs}", steps) as advance:
            advance(self.progress.position)
            batches = self.parts.loader.epoch(epoch, batches=steps, first=self.progress.position)
            mark = time.perf_counter()
            for batch in batches:
                position, note = self.progress.position, "skipped"
                try:
                    losses = self.parts.trainer.step(
                        batch, epoch=epoch, position=position, scalars=scalars
                    )
                    self.progress = self.progress.after_step(losses)
                    tracker.log_step(self.progress.step, losses["loss"])
                    note = f"loss {losses['loss']:.3f}"
                except NotFiniteError as error:
                    self._handle(error, epoch)
                    self.progress = self.progress.after_skip()
                except OverflowedError:
                    note = "overflow"
                    self.progress = self.progress.after_overflow()
                mark, before = time.perf_counter(), mark
                self._pace.step(mark - before, self._step_images)
                left = self._pace.left(self.progress) or 0
                advance(note=f"{note}, run {duration(left)} left")
                self._attend(requests)

    def _attend(self, requests: Requests) -> None:
        """Save where it is due or asked for, then stop if that is asked for."""
        requests.listen()
        every = self._settings.train.save_every_steps
        due = every > 0 and self.progress.position % every == 0
        if due or requests.save or requests.stop is not None:
            self._checkpoints.save(self.progress)
        if requests.save or requests.stop is not None:
            requests.save = False
            log.info("Saved after epoch %d, batch %d", self.progress.epoch, self.progress.position)
        requests.obey()

    def _handle(self, error: NotFiniteError, epoch: int) -> None:
        """Say all about a step that was not taken, and end the run unless it is skipped."""
        place = {"epoch": epoch, "position": self.progress.position}
        what = mishaps.describe(error, self.parts, **place)
        if self._settings.train.on_nan is OnNan.skip:
            log.warning("Skipped: %s", what)
            return
        self._checkpoints.save(self.progress)
        for path in mishaps.files(self.parts, **place):
            log.error("in the batch: %s", path)
        raise InputError(
            f"train.on_nan=stop: {what}, files as listed in run.log; the state before it"
            " is saved: lower optimizer.lr and start anew, or resume with train.on_nan=skip"
        )

    def _is_over(self) -> bool:
        """Whether the scores have not become better for as long as the settings wait; says so."""
        patience, progress = self._settings.train.patience, self.progress
        if not (self._is_due(progress.epoch) and progress.is_stale(patience)):
            return False
        log.info(
            "train.patience=%d: no better %s since epoch %d; the run ends after epoch %d",
            patience, self.parts.method.monitor, progress.best_epoch, progress.epoch,
        )  # fmt: skip
        return True

    def _is_due(self, epoch: int) -> bool:
        every = self._settings.train.eval_every
        return epoch == self._settings.train.epochs or (every > 0 and epoch % every == 0)

    def _keep_best(self, finished: Progress, evaluation: Evaluation) -> Progress:
        score = monitored(evaluation.mean, self.parts.method.monitor)
        # By which a run may end: in all of its processes, also where their machines round unlike.
        score = self.parts.exchange.of_first(score)
        if finished.best_score is not None and score <= finished.best_score:
            return finished
        finished = replace(finished, best_score=score, best_epoch=finished.epoch)
        self._best_evaluation = evaluation
        self._checkpoints.save_best(finished)
        return finished
