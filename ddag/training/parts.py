"""From settings to everything that takes part in a run: the one place where parts are built."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any, Optional

from mindspore import nn

from ddag.data.augmentation import Augmentation
from ddag.data.loader import TrainLoader
from ddag.data.records import TestSet, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.evaluation.evaluator import Evaluator
from ddag.evaluation.extractor import (
    ExportedExtractor,
    Extraction,
    Extractor,
    Observer,
    Run,
    Size,
)
from ddag.machine import device, sharing
from ddag.machine.errors import InputError
from ddag.machine.sharing import ALONE, Share
from ddag.machine.words import counted
from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.model import precision
from ddag.model.exchange import Exchange
from ddag.model.initial import initialise
from ddag.model.network import TwoStreams
from ddag.settings.choices import Modality, Precision
from ddag.settings.settings import Settings
from ddag.training import compiled, optim, schedule
from ddag.training.accumulating import parted
from ddag.training.average import Average, State
from ddag.training.learner import Learner
from ddag.training.scaling import LossScale
from ddag.training.step import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a run trains with.

    Attributes:
        settings: of the run.
        method: that the settings name.
        dataset: that the settings name.
        train_set: of the data set, with its pixels.
        sampler: of batches of it.
        loader: of augmented batches.
        steps: of an epoch.
        rates: the heads' learning rate of each epoch.
        learner: network and objective, their first weights drawn.
        optimizer: of the learner.
        average: of its weights; None where there is none.
        scale: of the loss; None where it needs none.
        trainer: takes steps.
        exchange: with the other processes of the run.
    """

    settings: Settings
    method: Method[Any]
    dataset: Dataset[Any]
    train_set: TrainSet
    sampler: IdentitySampler
    loader: TrainLoader
    steps: int
    rates: list[float]
    learner: Learner
    optimizer: nn.Optimizer
    average: Optional[Average]
    scale: Optional[LossScale]
    trainer: Trainer
    exchange: Exchange

    @property
    def state(self) -> nn.Cell:
        """All that a run keeps beside its weights."""
        others = [each for each in (self.average, self.scale) if each is not None]
        return State(self.optimizer, others) if others else self.optimizer

    def averaged(self) -> AbstractContextManager[None]:
        """Have the average of the weights in their place, where there is one."""
        return nullcontext() if self.average is None else self.average.applied()

    def say(self, queries: int, gallery: int) -> None:
        """Note how much there is to train and test with."""
        if self.sampler.scarce:
            log.info(
                "%d times an identity has fewer images of a modality than sampler.images=%d:"
                " a batch repeats some of them",
                self.sampler.scarce, self.settings.sampler.images,
            )  # fmt: skip
        log.info(
            "%d identities, %d visible and %d infrared images to train with; %d queries, %d"
            " gallery images; %s of %s",
            self.train_set.identity_count, len(self.train_set.visible),
            len(self.train_set.infrared), queries, gallery,
            counted(self.settings.train.epochs, "epoch"), counted(self.steps, "step"),
        )  # fmt: skip


def build(settings: Settings, share: Share = ALONE) -> Parts:
    """The parts of a run, in which this process has a ``share``.

    Raises:
        InputError: settings or data set do not work.
    """
    method, dataset = open_method(settings), open_dataset(settings.dataset, settings.data)
    listed = dataset.list_train()
    # A batch that the set is too small for is refused before its images are decoded.
    epoch_steps(settings.train.steps, build_sampler(settings, listed))
    train_set = dataset.load(listed)
    sampler = build_sampler(settings, train_set)
    steps, rates = epoch_steps(settings.train.steps, sampler), epoch_rates(settings)
    compiled.reuse(settings, identities=train_set.identity_count, steps=steps)
    learner = build_learner(method, train_set.identity_count)
    initialise(learner, settings.seed, method.rules)
    learner.share_out(share, views=len(method.views), sync_bn=settings.device.sync_bn)
    optimizer = build_optimizer(method, learner, schedule.step_rates(rates, steps))
    average = Average(learner, settings.train.ema) if settings.train.ema else None
    # bfloat16 has the range of float32.
    scale = LossScale() if settings.device.precision is Precision.fp16 else None
    how: Any = {"average": average, "scale": scale, "share": share, "parts": parted(method)}
    return Parts(
        settings=settings,
        method=method,
        dataset=dataset,
        train_set=train_set,
        sampler=sampler,
        loader=_build_loader(method, train_set, sampler, share),
        steps=steps,
        rates=rates,
        learner=learner,
        optimizer=optimizer,
        average=average,
        scale=scale,
        trainer=Trainer(
            learner, optimizer, seed=settings.seed, clip=settings.optimizer.clip, **how
        ),
        exchange=Exchange(share),
    )


def configure_device(settings: Settings) -> None:
    """Set MindSpore's target, mode and seed for this process; meet the run's others, if any."""
    chosen, several = settings.device, sharing.of_environment().count > 1
    how: Any = {"device_id": chosen.id + sharing.device_offset(), "several": several}
    device.configure(chosen.target.value, mode=chosen.mode.value, seed=settings.seed, **how)


def build_sampler(settings: Settings, train_set: TrainSet) -> IdentitySampler:
    """The sampler of identity-balanced batches."""
    return IdentitySampler(
        train_set.visible.identities,
        train_set.infrared.identities,
        identities=settings.sampler.identities,
        images=settings.sampler.images,
        seed=settings.seed,
    )


def epoch_steps(requested: Optional[int], sampler: IdentitySampler) -> int:
    """Optimiser steps of an epoch.

    Raises:
        InputError: ``requested`` is more than the images give.
    """
    if requested is not None and requested > sampler.batches:
        raise InputError(
            f"train.steps={requested}: the images make {sampler.batches} batches an epoch;"
            f" use at most {sampler.batches}, or null for all"
        )
    return requested or sampler.batches


def epoch_rates(settings: Settings) -> list[float]:
    """The heads' learning rate of each epoch."""
    marks = asdict(settings.schedule)
    rates = schedule.RATES[marks.pop("kind")]
    return rates(settings.optimizer.lr, settings.train.epochs, **marks)


def build_learner(method: Method[Any], identities: int) -> Learner:
    """Network and objective for so many training identities, their weights still 0.

    Raises:
        InputError: MindSpore has no numbers of the precision that the settings ask for.
    """
    network = method.network(identities)
    precision.lower(network.backbone, method.settings.device.precision)
    return Learner(network, method.objective(network, identities))


def build_optimizer(method: Method[Any], learner: Learner, rates: list[float]) -> nn.Optimizer:
    """The optimiser; ``rates``: the heads' learning rate at every step."""
    chosen = method.settings.optimizer
    return optim.build(
        learner,
        chosen.kind,
        rates=rates,
        backbone_scale=chosen.backbone_scale,
        weight_decay=chosen.weight_decay,
        scales=method.scales,
        undecayed=method.undecayed,
    )


def flips(settings: Settings, asked: Optional[bool] = None) -> bool:
    """Whether features are averaged with the mirror image's: as asked for, else as in the run."""
    return settings.data.flip_test if asked is None else asked


def build_extractor(
    method: Method[Any],
    network: TwoStreams,
    *,
    flip: Optional[bool] = None,
    exported: Optional[Mapping[Modality, Run]] = None,
    batch: Optional[int] = None,
) -> Extraction:
    """The extractor of the method's test features.

    Args:
        method: of the network.
        network: gives the features.
        flip: as of ``flips``.
        exported: files of the network that give the features in its place.
        batch: images at a time; None: as many as the settings say.
    """
    settings = method.settings
    size, flipped = _size(settings), flips(settings, flip)
    size = size if batch is None else replace(size, batch=batch)
    if exported is not None:
        return ExportedExtractor(exported, method.features, size, flip=flipped)
    return Extractor(network, method.features, size, flip=flipped)


def build_evaluator(
    method: Method[Any],
    network: TwoStreams,
    dataset: Dataset[Any],
    test_set: TestSet,
    *,
    flip: Optional[bool] = None,
    reranking: bool = False,
    exported: Optional[Mapping[Modality, Run]] = None,
    exchange: Optional[Exchange] = None,
) -> Evaluator:
    """The evaluator of a test set by its data set's rules.

    Args:
        method: of the network.
        network: gives the features.
        dataset: says the rules.
        test_set: to rank.
        flip: as of ``flips``.
        reranking: see ``Evaluator``.
        exported: see ``build_extractor``.
        exchange: see ``Evaluator``.
    """
    extractor = build_extractor(method, network, flip=flip, exported=exported)
    how: Any = {"reranking": reranking, "exchange": exchange}
    return Evaluator(extractor, test_set, dataset.protocol, **how)


def build_observer(method: Method[Any], network: TwoStreams) -> Observer:
    """The reader of what the network looks at."""
    return Observer(network, _size(method.settings))


def _build_loader(
    method: Method[Any], train_set: TrainSet, sampler: IdentitySampler, share: Share
) -> TrainLoader:
    settings = method.settings
    return TrainLoader(
        train_set,
        sampler,
        views=method.views,
        augmentation=Augmentation(**vars(settings.augmentation)),
        workers=settings.data.workers,
        seed=settings.seed,
        share=share,
    )


def _size(settings: Settings) -> Size:
    return Size(settings.data.height, settings.data.width, settings.data.test_batch)
