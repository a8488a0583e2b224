"""A training step: the framework's, a bare MindSpore network's, and plain PyTorch's."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from benchmarks.turns import Prepare, Times, Turn, cpu_ratio, ratio, take_turns

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
        """Visible and infrared images and their identities."""
        generator = np.random.default_rng(0)
        shape = (2, self.identities * self.images, 3, self.height, self.width)
        images = generator.normal(size=shape).astype(np.float32)
        identities = np.repeat(np.arange(self.identities, dtype=np.int32), self.images)
        return images[0], images[1], identities


PUBLISHED = Size()


def framework(size: Size, *words: str) -> Turn:
    """The whole of DDAG through ``ddag.training.step.Trainer``, with more settings as typed."""
    _graph_mode()
    from benchmarks.settings import composed, trainer_of
    from ddag.data.loader import Batch
    from ddag.settings.choices import Modality

    method = composed(
        "recipe=mindspore", f"model.backbone={size.backbone}", f"model.part={size.part}",
        f"data.height={size.height}", f"data.width={size.width}", *words,
    )  # fmt: skip
    trainer = trainer_of(method, CLASSES)
    *images, identities = size.batch()
    batch = Batch.of_views(list(zip(Modality, images)), identities)
    scalars = method.scalars(1.0)
    trainer.compile(batch, scalars)
    return lambda: trainer.step(batch, epoch=0, position=0, scalars=scalars)


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
    visible, infrared, identities = size.batch()
    labels = np.tile(identities, 2)
    return lambda: training.step(visible, infrared, labels)


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


def measure(size: Size = PUBLISHED, rounds: int = 3, lives: int = 2) -> list[Row]:
    """A training step: ResNet-50, 288 x 144, 16 + 16 images, three parts, graph attention"""
    times = take_turns(contestants(size), rounds=rounds, lives=lives)
    return [absolute(name, each) for name, each in times.items()] + comparisons(times)


def comparisons(times: dict[str, Times]) -> list[Row]:
    """The framework beside the others."""
    ours = times["framework"]
    bare = times["bare MindSpore"]
    rows = [
        Row.at_most("framework / bare MindSpore", ratio(ours, bare), 1.06),
        Row("the same of processor time", f"{cpu_ratio(ours, bare):.3g}"),
    ]
    first, last = times.get("PyTorch, channels-first"), times.get("PyTorch, channels-last")
    if first and last:
        rows += [
            Row.at_most("framework / PyTorch, channels-first", ratio(ours, first), 0.85),
            Row.at_most("framework / PyTorch, channels-last", ratio(ours, last), 1.0),
            Row("the same of processor time", f"{cpu_ratio(ours, first):.3g} and"
                f" {cpu_ratio(ours, last):.3g}"),
            Row.at_most("peak memory, framework / PyTorch, channels-first",
                        ours.memory / first.memory, 1.1),
        ]  # fmt: skip
    return rows


def absolute(name: str, times: Times) -> Row:
    return Row(
        name,
        f"{median(times.seconds):.3g} s, processor time {median(times.cpu_seconds):.3g} s,"
        f" peak memory {times.memory:.3g} GB, first step after {times.preparation:.3g} s",
    )


def _graph_mode() -> None:
    from ddag.machine import environment

    environment.prepare()
    from ddag.machine import device

    device.configure("CPU", device_id=0, mode="graph", seed=0)


if __name__ == "__main__":
    report.run("step", measure)
