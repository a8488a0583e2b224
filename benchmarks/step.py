"""A training step: the framework's, a bare MindSpore network's, and plain PyTorch's."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.turns import Prepare, Turn

CLASSES = 395  # of SYSU-MM01


@dataclass(frozen=True)
class Size:
    """How much work a step is; as published without arguments."""

    backbone: str = "resnet50"
    height: int = 288
    width: int = 144
    identities: int = 8
    images: int = 2  # of an identity and modality
    part: int = 3

    def batch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Visible and infrared pictures and their identities."""
        generator = np.random.default_rng(0)
        shape = (2, self.identities * self.images, 3, self.height, self.width)
        pictures = generator.normal(size=shape).astype(np.float32)
        identities = np.repeat(np.arange(self.identities, dtype=np.int32), self.images)
        return pictures[0], pictures[1], identities


def framework(size: Size) -> Turn:
    """The whole of DDAG through ``ddag.train.Trainer``."""
    _graph_mode()
    from ddag import optim
    from ddag.data.loader import Batch
    from ddag.losses import BatchLoss
    from ddag.model.initial import initialise
    from ddag.model.network import DDAG
    from ddag.train import Trainer

    network = DDAG(
        CLASSES, backbone=size.backbone, part=size.part, graph=True, low_dim=512, heads=4,
        height=size.height,
    )  # fmt: skip
    initialise(network, seed=0)
    optimizer = optim.build(
        network, kind="adam", rates=[0.0035] * 1000, backbone_scale=0.1, weight_decay=5e-4
    )
    loss = BatchLoss(network, kind="id+tri", triplet="hard", margin=0.3)
    trainer = Trainer(network, loss, optimizer, dropout=0.2, seed=0)
    batch = Batch(*size.batch())
    return lambda: trainer.step(batch, epoch=0, position=0, graph_weight=0.5)


def bare(size: Size) -> Turn:
    """A two-stream ResNet and a classifier of MindSpore's own layers."""
    _graph_mode()
    from mindspore import Tensor

    from benchmarks.bare import BareNetwork, BareStep

    step = BareStep(BareNetwork(size.backbone, CLASSES))
    step.set_train(True)
    visible, infrared, identities = size.batch()
    labels = np.tile(identities, 2)
    return lambda: step(Tensor(visible), Tensor(infrared), Tensor(labels)).asnumpy()


def plain_torch(size: Size, *, channels_last: bool) -> Turn:
    """The whole of DDAG in PyTorch."""
    from benchmarks.plain_torch import PlainNetwork, PlainTraining

    network = PlainNetwork(size.backbone, CLASSES, part=size.part, low_dim=512, heads=4)
    training = PlainTraining(network, channels_last=channels_last)
    batch = size.batch()
    return lambda: training.step(*batch)


def contestants(size: Size) -> dict[str, Prepare]:
    """Who takes turns; PyTorch where it is installed."""
    chosen: dict[str, Prepare] = {
        "framework": partial(framework, size),
        "bare MindSpore": partial(bare, size),
    }
    if importlib.util.find_spec("torch"):
        for name, channels_last in (("channels-first", False), ("channels-last", True)):
            chosen[f"PyTorch, {name}"] = partial(plain_torch, size, channels_last=channels_last)
    return chosen


def _graph_mode() -> None:
    from ddag import environment

    environment.prepare()
    from ddag import device

    device.configure("CPU", device_id=0, mode="graph", seed=0)
