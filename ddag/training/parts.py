"""From settings to the parts of an experiment: one function a part."""

from __future__ import annotations

from typing import Optional

from mindspore import nn

from ddag.data.loader import Augmentation, TrainLoader
from ddag.data.records import TestSet, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.evaluation.attention import Observer
from ddag.evaluation.evaluator import REGDB, SYSU, Evaluator
from ddag.losses.objective import BatchLoss
from ddag.machine import device
from ddag.machine.errors import InputError
from ddag.model.network import DDAG
from ddag.settings.data import SysuConfig
from ddag.settings.settings import Settings
from ddag.training import optim, schedule


def configure_device(settings: Settings) -> None:
    """Set MindSpore's target, mode and seed for this process."""
    chosen = settings.device
    device.configure(
        chosen.target.value, device_id=chosen.id, mode=chosen.mode.value, seed=settings.seed
    )


def build_sampler(settings: Settings, train_set: TrainSet) -> IdentitySampler:
    """The sampler of identity-balanced batches."""
    return IdentitySampler(
        train_set.visible.identities,
        train_set.infrared.identities,
        identities=settings.sampler.identities,
        images=settings.sampler.images,
        seed=settings.seed,
    )


def build_loader(settings: Settings, train_set: TrainSet, sampler: IdentitySampler) -> TrainLoader:
    """The loader of augmented batches."""
    chosen = settings.augmentation
    return TrainLoader(
        train_set,
        sampler,
        augmentation=Augmentation(chosen.crop, chosen.flip, chosen.grayscale, chosen.erasing),
        workers=settings.data.workers,
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


def build_network(settings: Settings, identities: int) -> DDAG:
    """The network, its weights still 0."""
    chosen = settings.model
    return DDAG(
        identities,
        backbone=chosen.backbone.value,
        part=chosen.part,
        graph=chosen.graph,
        low_dim=chosen.low_dim,
        heads=chosen.heads,
        height=settings.data.height,
    )


def build_loss(settings: Settings, network: DDAG) -> BatchLoss:
    """The network's losses on a batch."""
    chosen = settings.loss
    return BatchLoss(
        network, kind=chosen.kind.value, triplet=chosen.triplet.value, margin=chosen.margin
    )


def epoch_rates(settings: Settings) -> list[float]:
    """The heads' learning rate of each epoch."""
    chosen = settings.schedule
    return schedule.epoch_rates(
        chosen.kind.value,
        base=settings.optimizer.lr,
        epochs=settings.train.epochs,
        warmup=chosen.warmup,
        start_decay=chosen.start_decay,
        end_decay=chosen.end_decay,
    )


def build_optimizer(settings: Settings, network: DDAG, steps: int) -> nn.Optimizer:
    """The optimiser for epochs of ``steps`` steps."""
    return optim.build(
        network,
        kind=settings.optimizer.kind.value,
        rates=schedule.step_rates(epoch_rates(settings), steps),
        backbone_scale=settings.optimizer.backbone_scale,
        weight_decay=settings.optimizer.weight_decay,
    )


def build_evaluator(
    settings: Settings,
    network: DDAG,
    test_set: TestSet,
    *,
    flip: bool = False,
    reranking: bool = False,
) -> Evaluator:
    """The evaluator of a test set by its data set's rules."""
    return Evaluator(
        network,
        test_set,
        protocol=SYSU if isinstance(settings.dataset, SysuConfig) else REGDB,
        height=settings.data.height,
        width=settings.data.width,
        batch=settings.data.test_batch,
        flip=flip,
        reranking=reranking,
    )


def build_observer(settings: Settings, network: DDAG) -> Observer:
    """The reader of what the network looks at."""
    data = settings.data
    return Observer(network, height=data.height, width=data.width, batch=data.test_batch)
