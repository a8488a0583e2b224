"""A run's epochs, the evaluations between them, its checkpoints and records."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Optional

from ddag.datasets.dataset import fingerprint
from ddag.evaluation.evaluator import Evaluation, monitored, summary
from ddag.evaluation.metrics import scores_by_feature
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.interruption import Requests
from ddag.machine.run_folders import AUTO, saved
from ddag.runs import console
from ddag.runs.tracking import Tracker, flat
from ddag.settings.choices import OnNan
from ddag.settings.plain import hyperparameters
from ddag.settings.settings import Settings
from ddag.training import parts, summaries
from ddag.training.checkpoint import Description
from ddag.training.checkpoints import CheckpointFolder
from ddag.training.progress import Progress
from ddag.training.step import NotFiniteError
from ddag.weights import filling

log = logging.getLogger(__name__)


class Loop:
    """Everything that takes part in a run, from its settings.

    Attributes:
        parts: that it trains with.
        progress: how far it has come.

    Raises:
        InputError: settings, data set or checkpoint do not work.
    """

    def __init__(self, settings: Settings, run: Path) -> None:
        self._settings, self._folder = settings, run
        self.parts = parts.build(settings)
        method, learner = self.parts.method, self.parts.learner
        # A broken test image would end the run at its first evaluation.
        test_set = self.parts.dataset.read_test(decode=True)
        self._evaluator = parts.build_evaluator(
            method, learner.network, self.parts.dataset, test_set
        )
        self._observer = parts.build_observer(method, learner.network)
        self._observed = summaries.observed(test_set)
        self._galleries = len(test_set.trials)
        self._best_evaluation: Optional[Evaluation] = None
        self._checkpoints = CheckpointFolder(
            run,
            learner,
            self.parts.optimizer,
            settings=settings,
            identities=self.parts.train_set.identity_count,
            images=fingerprint(self.parts.train_set),
        )
        self.progress = self._begin(run)
        self._say(len(test_set.query), len(test_set.gallery))

    def run(self, requests: Requests) -> tuple[Evaluation, Description]:
        """Train what is left; scores of the best epoch, and what its checkpoint says.

        Args:
            requests: heard after every step and while evaluating.

        Raises:
            Stopped: a signal asked for it; the state is saved.
            InputError: a loss is not finite, or a checkpoint cannot be written.
        """
        if self._settings.train.eval_start and not self.progress.begun:
            scores = self.evaluate(requests).mean
            self.progress = replace(self.progress, untrained=scores_by_feature(scores))
        finished, untrained = self.progress.epoch, self.progress.untrained
        first = finished + 1 if finished else 0
        with Tracker(self._folder, hyperparameters(self._settings), first=first) as tracker:
            if untrained and not finished:
                tracker.log(0, flat("eval", untrained))
            self.train(tracker, requests)
            evaluation, described = self.evaluate_best(requests)
            self._show_best(tracker, evaluation, described.epoch)
        return evaluation, described

    def train(self, tracker: Tracker, requests: Requests) -> None:
        """Train the epochs that are left; ``tracker`` records each, and raises as ``run``."""
        (batch,) = self.parts.loader.epoch(self.progress.epoch, batches=1)
        summaries.show_batch(tracker, batch, self.progress.epoch)
        if self.progress.epoch < self._settings.train.epochs:
            self.parts.trainer.compile(batch, self._scalars)
        for epoch in range(self.progress.epoch, self._settings.train.epochs):
            values = self._train_epoch(epoch, requests)
            line = console.epoch_line(epoch + 1, self._settings.train.epochs, values)
            carried = self.parts.method.carry(self.progress.means)
            finished = self.progress.after_epoch(carried)
            if self._is_due(finished.epoch):
                self._checkpoints.save(self.progress)  # an evaluation may take long
                evaluation = self.evaluate(requests, first_gallery_only=True)
                values.update(flat("eval", scores_by_feature(evaluation.mean)))
                line += "  " + summary(evaluation.mean)
                finished = self._keep_best(finished, evaluation)
                summaries.show_attention(tracker, self._observer, self._observed, finished.epoch)
            self.progress = finished
            log.info("%s", line)
            tracker.log(finished.epoch, values)
            self._checkpoints.save(finished)
            every = self._settings.train.save_every
            if every and finished.epoch % every == 0:
                self._checkpoints.save_epoch(finished)

    def evaluate(self, requests: Requests, *, first_gallery_only: bool = False) -> Evaluation:
        """Scores of the network as it is now.

        Raises:
            Stopped: a signal asked for it.
        """
        trials = [0] if first_gallery_only else None
        with bar("evaluating", self._evaluator.image_count(trials)) as advance:

            def attend(count: int) -> None:
                advance(count)
                requests.obey()

            return self._evaluator.evaluate(trials=trials, advance=attend)

    def evaluate_best(self, requests: Requests) -> tuple[Evaluation, Description]:
        """Scores of the best checkpoint on every gallery, and what it says of itself.

        Raises:
            Stopped: a signal asked for it.
        """
        described = self._checkpoints.load_best()
        if self._galleries == 1 and self._best_evaluation:
            return self._best_evaluation, described  # the first gallery was all there is
        return self.evaluate(requests), described

    @property
    def best(self) -> Path:
        """The best epoch's checkpoint."""
        return self._checkpoints.best

    def _show_best(self, tracker: Tracker, evaluation: Evaluation, epoch: int) -> None:
        method = self.parts.method
        score = monitored(evaluation.mean, method.monitor)
        tracker.show_result(epoch, score, scores_by_feature(evaluation.mean))
        summaries.show_rankings(tracker, evaluation.first, method.features[-1], epoch)

    def _begin(self, run: Path) -> Progress:
        """Take the weights that the settings name; how far they had come."""
        wanted = self._settings.train.resume
        if wanted == AUTO and not saved(run):
            log.info("train.resume=auto: no unfinished run, a new one begins")
            wanted = None
        if wanted:
            return self._checkpoints.restore(run if wanted == AUTO else Path(wanted))
        if saved(run):
            raise InputError(
                f"hydra.run.dir={run}: holds the checkpoints of an earlier run; resume it by"
                " train.resume=auto, or choose another folder"
            )
        if self._settings.model.pretrained:
            self._fill(Path(self._settings.model.pretrained))
        return Progress(self.parts.learner.objective.terms)

    def _fill(self, path: Path) -> None:
        """Start from foreign weights, and say what became of each."""
        report = filling.load(
            self.parts.learner,
            path,
            source=f"model.pretrained={path}",
            names=self.parts.method.names,
            for_training=True,
        )
        for row in report.lines():
            log.info("%s", row)

    def _say(self, queries: int, gallery: int) -> None:
        """Note how much there is to train and test with."""
        built = self.parts
        if built.sampler.scarce:
            log.info(
                "%d times an identity has fewer images of a modality than sampler.images=%d:"
                " a batch repeats some of them",
                built.sampler.scarce, self._settings.sampler.images,
            )  # fmt: skip
        train_set = built.train_set
        log.info(
            "%d identities, %d visible and %d infrared images to train with; %d queries, %d"
            " gallery images; %d epochs of %d steps",
            train_set.identity_count, len(train_set.visible), len(train_set.infrared),
            queries, gallery, self._settings.train.epochs, built.steps,
        )  # fmt: skip

    @property
    def _scalars(self) -> dict[str, float]:
        """What the objective is told in the running epoch."""
        return self.parts.method.scalars(self.progress.carried)

    def _train_epoch(self, epoch: int, requests: Requests) -> dict[str, float]:
        """Take the steps of an epoch that are left; its scalars."""
        taken_before = len(self.progress.losses)
        start = time.perf_counter()
        self._take_steps(epoch, requests)
        if not self.progress.losses:
            raise InputError(
                f"train.on_nan=skip: every step of epoch {epoch + 1} was skipped;"
                " lower optimizer.lr, or look at the images"
            )
        seconds = time.perf_counter() - start
        views = len(self.parts.method.views)
        images = (len(self.progress.losses) - taken_before) * self.parts.sampler.samples * views
        rate = self.parts.rates[epoch]
        return {
            **{f"train/{name}": value for name, value in self.progress.means.items()},
            **{f"train/{name}": value for name, value in self._scalars.items()},
            "train/lr": rate,
            "train/lr_backbone": rate * self._settings.optimizer.backbone_scale,
            "train/skipped": self.progress.skipped,
            "train/images_per_second": images / seconds,
        }

    def _take_steps(self, epoch: int, requests: Requests) -> None:
        steps, scalars = self.parts.steps, self._scalars
        with bar(f"epoch {epoch + 1}/{self._settings.train.epochs}", steps) as advance:
            advance(self.progress.position)
            # Batches that are done are drawn again, since each depends on those before it.
            batches = self.parts.loader.epoch(epoch, batches=steps)
            for batch in islice(batches, self.progress.position, None):
                position = self.progress.position
                try:
                    losses = self.parts.trainer.step(
                        batch, epoch=epoch, position=position, scalars=scalars
                    )
                    self.progress = self.progress.after_step(losses)
                    advance(note=f"loss {losses['loss']:.3f}")
                except NotFiniteError as error:
                    self._handle(error, epoch)
                    self.progress = self.progress.after_skip()
                    advance(note="skipped")
                self._attend(requests)

    def _attend(self, requests: Requests) -> None:
        """Save where it is due or asked for, then stop if that is asked for."""
        requests.listen()
        every = self._settings.train.save_every_steps
        due = every > 0 and self.progress.position % every == 0
        if due or requests.save or requests.stop is not None:
            self._checkpoints.save(self.progress)
        if requests.save:
            requests.save = False
            log.info("Saved after epoch %d, batch %d", self.progress.epoch, self.progress.position)
        requests.obey()

    def _handle(self, error: NotFiniteError, epoch: int) -> None:
        """Say all about a step that was not taken, and end the run unless it is skipped."""
        position = self.progress.position
        rows = [rows[position] for rows in self.parts.sampler.epoch(epoch)]
        sets = (self.parts.train_set.visible, self.parts.train_set.infrared)
        identities = ", ".join(map(str, sorted(set(sets[0].identities[rows[0]].tolist()))))
        what = f"epoch {epoch + 1}, batch {position + 1} has {error}"
        rate = f"learning rate {self.parts.rates[epoch]:g}, identities {identities}"
        if self._settings.train.on_nan is OnNan.skip:
            log.warning("Skipped: %s; %s", what, rate)
            return
        self._checkpoints.save(self.progress)
        for records, chosen in zip(sets, rows):
            for path in records.paths[chosen]:
                log.error("in the batch: %s", path)
        raise InputError(
            f"train.on_nan=stop: {what}; {rate}, files as listed in run.log; the state before it"
            " is saved: lower optimizer.lr and start anew, or resume with train.on_nan=skip"
        )

    def _is_due(self, epoch: int) -> bool:
        every = self._settings.train.eval_every
        return epoch == self._settings.train.epochs or (every > 0 and epoch % every == 0)

    def _keep_best(self, finished: Progress, evaluation: Evaluation) -> Progress:
        score = monitored(evaluation.mean, self.parts.method.monitor)
        if finished.best_score is not None and score <= finished.best_score:
            return finished
        finished = replace(finished, best_score=score, best_epoch=finished.epoch)
        self._best_evaluation = evaluation
        self._checkpoints.save_best(finished)
        return finished
