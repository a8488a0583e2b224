"""A training run: epochs, evaluations between them, checkpoints and records."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional

from ddag import build, checkpoint, sources
from ddag.config import to_plain
from ddag.evaluate import Evaluation
from ddag.files import replacing
from ddag.metrics import Scores
from ddag.model import weights
from ddag.model.initial import initialise
from ddag.settings import Settings
from ddag.tracking import Tracker, flat, progress
from ddag.train import EpochResult, Trainer, graph_weight

log = logging.getLogger(__name__)

LAST, BEST = "last.ckpt", "best.ckpt"


@dataclass(frozen=True)
class Progress:
    """How far a training has come: what its next epoch depends on besides the weights."""

    epoch: int = 0  # finished
    step: int = 0  # of the optimiser
    without_graph: Optional[float] = None  # mean L_P of the last epoch
    best_score: Optional[float] = None
    best_epoch: Optional[int] = None


class Training:
    """Everything that takes part in a training, from its settings.

    Raises:
        InputError: settings, data set or checkpoint do not work.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder / "checkpoints"
        train_set = sources.read_train(settings.dataset, settings.data)
        test_set = sources.read_test(settings.dataset)
        sampler = build.build_sampler(settings, train_set)
        self._loader = build.build_loader(settings, train_set, sampler)
        self._steps = build.epoch_steps(settings.train.steps, sampler)
        self._rates = build.epoch_rates(settings)
        self._identities = train_set.identity_count
        self._network = build.build_network(settings, self._identities)
        initialise(self._network, settings.seed)
        if settings.model.pretrained:
            self._start_from(Path(settings.model.pretrained))
        self._optimizer = build.build_optimizer(settings, self._network, self._steps)
        self._trainer = Trainer(
            self._network,
            build.build_loss(settings, self._network),
            self._optimizer,
            dropout=settings.model.dropout,
            seed=settings.seed,
        )
        self._evaluator = build.build_evaluator(settings, self._network, test_set)
        self._galleries = len(test_set.trials)
        self._best_evaluation: Optional[Evaluation] = None
        self._progress = Progress()
        if settings.train.resume:
            self._resume(Path(settings.train.resume))
        log.info(
            "%d identities, %d visible and %d infrared pictures to train with; %d queries, %d"
            " gallery pictures; %d epochs of %d steps",
            self._identities, len(train_set.visible), len(train_set.infrared),
            len(test_set.query), len(test_set.gallery), settings.train.epochs, self._steps,
        )  # fmt: skip

    def run(self, tracker: Tracker) -> None:
        """Train the epochs that are left."""
        for epoch in range(self._progress.epoch, self._settings.train.epochs):
            values, result = self._train_epoch(epoch)
            self._progress = replace(
                self._progress,
                epoch=epoch + 1,
                step=self._progress.step + self._steps,
                without_graph=result.without_graph,
            )
            line = self._line(result, values)
            if self._is_due(epoch + 1):
                evaluation = self.evaluate(first_gallery_only=True)
                values.update(flat("eval", evaluation.mean))
                line += "  " + summary(evaluation.mean)
                self._keep_best(evaluation)
            log.info("%s", line)
            tracker.log(epoch + 1, values)
            self._save_last()

    def evaluate(self, *, first_gallery_only: bool = False) -> Evaluation:
        """Scores of the network as it is now."""
        trials = [0] if first_gallery_only else None
        with progress("evaluating", self._evaluator.picture_count(trials)) as advance:
            return self._evaluator.evaluate(trials=trials, advance=advance)

    def evaluate_best(self) -> tuple[Evaluation, dict[str, Any]]:
        """Scores of the best checkpoint on every gallery, and its meta."""
        path = self._folder / BEST
        best = checkpoint.read(path)
        if self._galleries == 1 and self._best_evaluation:
            return self._best_evaluation, best.meta  # the first gallery was all there is
        checkpoint.load_weights(self._network, best, path)
        return self.evaluate(), best.meta

    def _train_epoch(self, epoch: int) -> tuple[dict[str, float], EpochResult]:
        weight = graph_weight(self._progress.without_graph)
        title = f"epoch {epoch + 1}/{self._settings.train.epochs}"
        with progress(title, self._steps) as advance:
            result = self._trainer.epoch(
                epoch,
                self._loader.epoch(epoch, batches=self._steps),
                graph_weight=weight,
                advance=lambda losses: advance(note=f"loss {losses['loss']:.3f}"),
            )
        values = {f"train/{name}": value for name, value in result.losses.items()}
        values["train/graph_weight"] = weight
        values["train/lr"] = self._rates[epoch]
        values["train/lr_backbone"] = self._rates[epoch] * self._settings.optimizer.backbone_scale
        values["train/images_per_second"] = result.images_per_second
        return values, result

    def _is_due(self, epoch: int) -> bool:
        every = self._settings.train.eval_every
        return epoch == self._settings.train.epochs or (every > 0 and epoch % every == 0)

    def _keep_best(self, evaluation: Evaluation) -> None:
        score = figure(evaluation.mean, self._settings.monitor)
        if self._progress.best_score is None or score > self._progress.best_score:
            self._progress = replace(
                self._progress, best_score=score, best_epoch=self._progress.epoch
            )
            self._best_evaluation = evaluation
            checkpoint.save(self._folder / BEST, self._network, meta=self._meta())

    def _save_last(self) -> None:
        names = [LAST]
        every = self._settings.train.save_every
        if every and self._progress.epoch % every == 0:
            names.append(f"epoch_{self._progress.epoch:03d}.ckpt")
        for name in names:
            checkpoint.save(
                self._folder / name, self._network, meta=self._meta(), optimizer=self._optimizer
            )

    def _meta(self) -> dict[str, Any]:
        return {
            "settings": to_plain(self._settings),
            "identities": self._identities,
            **asdict(self._progress),
        }

    def _start_from(self, path: Path) -> None:
        source = f"model.pretrained={path}"
        report = weights.load(self._network, path, source=source, for_training=True)
        for line in report.lines():
            log.info("%s", line)

    def _resume(self, path: Path) -> None:
        stored = checkpoint.read(path)
        checkpoint.load_weights(self._network, stored, path)
        checkpoint.load_optimizer(self._network, self._optimizer, stored, path)
        names = Progress.__dataclass_fields__
        self._progress = Progress(**{name: stored.meta[name] for name in names})
        best = path.with_name(BEST)
        if best.is_file():
            with replacing(self._folder / BEST) as draft:
                shutil.copyfile(best, draft)
        else:
            log.warning("No %s beside %s: the best epoch is sought anew", BEST, path)
            self._progress = replace(self._progress, best_score=None, best_epoch=None)
        log.info("Going on after epoch %d of %s", self._progress.epoch, path)

    def _line(self, result: EpochResult, values: dict[str, float]) -> str:
        terms = "  ".join(
            f"{name.replace('loss_', '')} {value:.3f}" for name, value in result.losses.items()
        )
        return (
            f"epoch {self._progress.epoch:>2}/{self._settings.train.epochs}  {terms}"
            f"  w {values['train/graph_weight']:.3f}  lr {values['train/lr']:.2g}"
            f"  {result.images_per_second:.0f} images/s"
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
