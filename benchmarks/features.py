"""Features of a test set against the bare network's forward pass."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mindspore import Tensor, nn

from benchmarks import report
from benchmarks.bare import BareNetwork
from benchmarks.report import Row
from benchmarks.settings import composed, learner_of
from benchmarks.turns import Turn, ratio, take_turns
from ddag.datasets import open_dataset
from ddag.datasets.synthetic import LAYOUT
from ddag.machine import device
from ddag.methods.method import Method
from ddag.people.generate import generate
from ddag.training.parts import build_evaluator, build_extractor

CLASSES = 395


class BareForward(nn.Cell):
    """One modality's images to their features."""

    def __init__(self, network: BareNetwork) -> None:
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, images: Tensor) -> Tensor:
        return self.network.features(self.network.visible(images))


def framework(root: Path, backbone: str, height: int, width: int, batch: int, part: int) -> Turn:
    """Read, decode, resize, extract: the query of a test set."""
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    method = method_of(root, backbone, height, width, batch, part)
    query = open_dataset(method.settings.dataset, method.settings.data).read_test().query
    extractor = build_extractor(method, learner_of(method, CLASSES).network)
    return lambda: extractor.extract(query.paths.tolist(), query.modality)


def method_of(
    root: Path, backbone: str, height: int, width: int, batch: int, part: int
) -> Method[Any]:
    """DDAG without graph attention, for people in RegDB's layout."""
    return composed(
        "dataset=regdb", f"dataset.root={root}", f"model.backbone={backbone}",
        f"model.part={part}", "model.graph=false", f"data.height={height}",
        f"data.width={width}", f"data.test_batch={batch}",
    )  # fmt: skip


def bare(images: int, backbone: str, height: int, width: int, batch: int) -> Turn:
    """As many images that are at hand through the bare network."""
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    forward = BareForward(BareNetwork(backbone, CLASSES))
    forward.set_train(False)
    given = np.random.default_rng(0).standard_normal((batch, 3, height, width), np.float32)

    def turn() -> None:
        for _ in range(images // batch):
            forward(Tensor(given)).asnumpy()

    return turn


def measure(
    backbone: str = "resnet50",
    height: int = 288,
    width: int = 144,
    batch: int = 16,
    images: int = 32,
    rounds: int = 5,
) -> list[Row]:
    """Features of test images against the bare network's forward pass, ResNet-50, 288 x 144"""
    with TemporaryDirectory() as name:
        root = Path(name) / "people"
        generate(root, layout=LAYOUT, identities=images // 2, images=4, seed=0)
        size = (backbone, height, width, batch)
        times = take_turns(
            {
                "bare": partial(bare, images, *size),
                "framework": partial(framework, root, *size, 3),
                "without parts": partial(framework, root, *size, 0),
            },
            rounds=rounds,
        )
        counted = count(root)
    rows = [
        Row.at_least(f"images a second, {what} / bare forward", 1 / ratio(times[name], other), 0.95)
        for name, what, other in (
            ("framework", "with parts", times["bare"]),
            ("without parts", "without", times["bare"]),
        )
    ]
    once = "yes" if counted else "no"
    return [*rows, Row("each image through the network once", once, "yes", counted)]


def count(root: Path) -> bool:
    """Whether two galleries that share images have each extracted once."""
    device.configure("CPU", device_id=0, mode="pynative", seed=0)
    method = method_of(root, "resnet18", 32, 16, 8, 0)
    dataset = open_dataset(method.settings.dataset, method.settings.data)
    test_set = dataset.read_test()
    everything = np.arange(len(test_set.gallery))
    test_set = replace(test_set, trials=(everything, everything))
    evaluator = build_evaluator(method, learner_of(method, 4).network, dataset, test_set)
    done: list[int] = []
    evaluator.evaluate(advance=done.append)
    return sum(done) == len(test_set.query) + len(test_set.gallery)


if __name__ == "__main__":
    report.run("features", measure)
