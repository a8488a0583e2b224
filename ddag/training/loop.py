"""A training run: epochs, evaluations between them, checkpoints and records."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Optional

from ddag.datasets import sources
from ddag.evaluation.evaluator import Evaluation
from ddag.evaluation.metrics import Scores
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.interruption import Requests
from ddag.machine.run_folders import AUTO, saved
from ddag.model.initial import initialise
from ddag.runs import tracking
from ddag.runs.tracking import Tracker, flat
from ddag.settings.choices import OnNan
from ddag.settings.settings import Settings
from ddag.training import compiled, summaries
from ddag.training import parts as build
from ddag.training.checkpoints import CheckpointFolder
from ddag.training.progress import Progress
from ddag.training.step import NotFiniteError, Trainer, graph_weight
from ddag.weights import filling as weights

log = logging.getLogger(__name__)


class Training:
    """Everything that takes part in a training, from its settings.

    Attributes:
        progress: how far it has come.

    Raises:
        InputError: settings, data set or checkpoint do not work.
    """

    def __init__(self, settings: Settings, run: Path) -> None:
        self._settings = settings
        listed = sources.list_train(settings.dataset, settings.data)
        # A batch that the set is too small for is refused before its images are decoded.
        build.epoch_steps(settings.train.steps, build.build_sampler(settings, listed))
        train_set = sources.load(listed, settings.data)
        # A broken test image would end the training at its first evaluation.
        test_set = sources.read_test(settings.dataset, settings.data, decode=True)
        self._train_set = train_set
        self._sampler = build.build_sampler(settings, train_set)
        if self._sampler.scarce:
            log.info(
                "%d times an identity has fewer images of a modality than sampler.images=%d:"
                " a batch repeats some of them",
                self._sampler.scarce, settings.sampler.images,
            )  # fmt: skip
        self._loader = build.build_loader(settings, train_set, self._sampler)
        self._steps = build.epoch_steps(settings.train.steps, self._sampler)
        compiled.reuse(settings, identities=train_set.identity_count, steps=self._steps)
        self._rates = build.epoch_rates(settings)
        network = build.build_network(settings, train_set.identity_count)
        self._network = network
        optimizer = build.build_optimizer(settings, network, self._steps)
        self._trainer = Trainer(
            network,
            build.build_loss(settings, network),
            optimizer,
            dropout=settings.model.dropout,
            seed=settings.seed,
        )
        self._evaluator = build.build_evaluator(settings, network, test_set)
        self._observer = build.build_observer(settings, network)
        self._observed = summaries.observed(test_set)
        self._galleries = len(test_set.trials)
        self._best_evaluation: Optional[Evaluation] = None
        self._checkpoints = CheckpointFolder(
            run,
            network,
            optimizer,
            settings=settings,
            identities=train_set.identity_count,
            images=sources.fingerprint(train_set),
        )
        self.progress = self._begin(run)
        log.info(
            "%d identities, %d visible and %d infrared images to train with; %d queries, %d"
            " gallery images; %d epochs of %d steps",
            train_set.identity_count, len(train_set.visible), len(train_set.infrared),
            len(test_set.query), len(test_set.gallery), settings.train.epochs, self._steps,
        )  # fmt: skip

    def run(self, tracker: Tracker, requests: Requests) -> None:
        """Train the epochs that are left.

        Args:
            tracker: records the figures of each epoch.
            requests: heard after every step and while evaluating.

        Raises:
            Stopped: a signal asked for it; the state is saved.
            InputError: a loss is not finite, or a checkpoint cannot be written.
        """
        (batch,) = self._loader.epoch(self.progress.epoch, batches=1)
        summaries.show_batch(tracker, batch, self.progress.epoch)
        if self.progress.epoch < self._settings.train.epochs:
            self._trainer.compile(batch)
        for epoch in range(self.progress.epoch, self._settings.train.epochs):
            values = self._train_epoch(epoch, requests)
            line = self._line(epoch, values)
            finished = self.progress.after_epoch()
            if self._is_due(finished.epoch):
                self._checkpoints.save(self.progress)  # an evaluation may take long
                evaluation = self.evaluate(requests, first_gallery_only=True)
                values.update(flat("eval", tracking.figures(evaluation.mean)))
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

    def evaluate_untrained(self, requests: Requests) -> None:
        """Note the figures before the first step in ``progress``."""
        scores = self.evaluate(requests).mean
        self.progress = replace(self.progress, untrained=tracking.figures(scores))

    def evaluate_best(self, requests: Requests) -> tuple[Evaluation, dict[str, Any]]:
        """Scores of the best checkpoint on every gallery, and its meta.

        Raises:
            Stopped: a signal asked for it.
        """
        meta = self._checkpoints.load_best()
        if self._galleries == 1 and self._best_evaluation:
            return self._best_evaluation, meta  # the first gallery was all there is
        return self.evaluate(requests), meta

    @property
    def best(self) -> Path:
        """The best epoch's checkpoint."""
        return self._checkpoints.best

    def _begin(self, run: Path) -> Progress:
        """Take the weights that the settings name; how far they had come."""
        initialise(self._network, self._settings.seed)
        wanted = self._settings.train.resume
        if wanted == AUTO and not saved(run):
            log.info("train.resume=auto: no unfinished run, a new one begins")
            wanted = None
        if wanted:
            return self._checkpoints.restore(run if wanted == AUTO else Path(wanted))
        if saved(run):
            raise InputError(
                f"hydra.run.dir={run}: holds the checkpoints of an earlier training; go on with it"
                " by train.resume=auto, or choose another folder"
            )
        if self._settings.model.pretrained:
            path = Path(self._settings.model.pretrained)
            report = weights.load(
                self._network, path, source=f"model.pretrained={path}", for_training=True
            )
            for row in report.lines():
                log.info("%s", row)
        return Progress()

    def _train_epoch(self, epoch: int, requests: Requests) -> dict[str, float]:
        """Take the steps of an epoch that are left; its scalars."""
        weight = graph_weight(self.progress.without_graph)
        taken_before = len(self.progress.losses)
        start = time.perf_counter()
        with bar(f"epoch {epoch + 1}/{self._settings.train.epochs}", self._steps) as (advance):
            advance(self.progress.position)
            # Batches that are done are drawn again, since each depends on those before it.
            batches = islice(
                self._loader.epoch(epoch, batches=self._steps), self.progress.position, None
            )
            for batch in batches:
                position = self.progress.position
                try:
                    losses = self._trainer.step(
                        batch, epoch=epoch, position=position, graph_weight=weight
                    )
                    self.progress = self.progress.after_step(losses)
                    advance(note=f"loss {losses['loss']:.3f}")
                except NotFiniteError as error:
                    self._handle(error, epoch)
                    self.progress = self.progress.after_skip()
                    advance(note="skipped")
                self._attend(requests)
        if not self.progress.losses:
            raise InputError(
                f"train.on_nan=skip: every step of epoch {epoch + 1} was skipped;"
                " lower optimizer.lr, or look at the images"
            )
        seconds = time.perf_counter() - start
        images = (len(self.progress.losses) - taken_before) * self._sampler.batch_images
        values = {f"train/{name}": value for name, value in self.progress.means.items()}
        values["train/graph_weight"] = weight
        values["train/lr"] = self._rates[epoch]
        values["train/lr_backbone"] = self._rates[epoch] * self._settings.optimizer.backbone_scale
        values["train/skipped"] = self.progress.skipped
        values["train/images_per_second"] = images / seconds
        return values

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
        """Say all about a step that was not taken, and end the training unless it is skipped."""
        position = self.progress.position
        rows = [rows[position] for rows in self._sampler.epoch(epoch)]
        sets = (self._train_set.visible, self._train_set.infrared)
        identities = ", ".join(map(str, sorted(set(sets[0].identities[rows[0]].tolist()))))
        what = f"epoch {epoch + 1}, batch {position + 1} has {error}"
        rate = f"learning rate {self._rates[epoch]:g}, identities {identities}"
        if self._settings.train.on_nan is OnNan.skip:
            log.warning("Skipped: %s; %s", what, rate)
            return
        self._checkpoints.save(self.progress)
        for records, chosen in zip(sets, rows):
            for path in records.paths[chosen]:
                log.error("in the batch: %s", path)
        raise InputError(
            f"train.on_nan=stop: {what}; {rate}, files as listed in run.log; the state before it"
            " is saved: lower optimizer.lr and start anew, or go on with train.on_nan=skip"
        )

    def _is_due(self, epoch: int) -> bool:
        every = self._settings.train.eval_every
        return epoch == self._settings.train.epochs or (every > 0 and epoch % every == 0)

    def _keep_best(self, finished: Progress, evaluation: Evaluation) -> Progress:
        score = figure(evaluation.mean, self._settings.monitor)
        if finished.best_score is not None and score <= finished.best_score:
            return finished
        finished = replace(finished, best_score=score, best_epoch=finished.epoch)
        self._best_evaluation = evaluation
        self._checkpoints.save_best(finished)
        return finished

    def _line(self, epoch: int, values: dict[str, float]) -> str:
        terms = "  ".join(
            f"{name.replace('loss_', '')} {value:.3f}"
            for name, value in self.progress.means.items()
        )
        skipped = f"  {self.progress.skipped} skipped" if self.progress.skipped else ""
        return (
            f"epoch {epoch + 1:>2}/{self._settings.train.epochs}  {terms}{skipped}"
            f"  w {values['train/graph_weight']:.3f}  lr {values['train/lr']:.2g}"
            f"  {values['train/images_per_second']:.0f} images/s"
        )


def figure(scores: dict[str, Scores], name: str) -> float:
    """One figure by its name, such as ``feat_att/rank1``."""
    feature, _, key = name.partition("/")
    return scores[feature].as_dict()[key]


def summary(scores: dict[str, Scores]) -> str:
    """Rank-1 and mAP of each feature, in percent."""
    return "  ".join(
        f"{name}: Rank-1 {each.as_dict()['rank1']:.1%} mAP {each.mAP:.1%}"
        for name, each in scores.items()
    )
