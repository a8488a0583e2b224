"""Features of a test set against the bare network's forward pass."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mindspore import Tensor, nn

from benchmarks import report
from benchmarks.bare import BareNetwork
from benchmarks.report import Row
from benchmarks.turns import Turn, ratio, take_turns
from ddag.datasets import regdb
from ddag.evaluation.evaluator import REGDB, Evaluator
from ddag.machine import device
from ddag.model.initial import initialise
from ddag.model.network import DDAG
from ddag.people import generate as synthetic

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
    network = DDAG(
        CLASSES, backbone=backbone, part=part, graph=False, low_dim=8, heads=1, height=height
    )
    initialise(network, seed=0)
    test_set = regdb.read_test(root, trial=1, direction="v2i")
    evaluator = Evaluator(
        network, test_set, protocol=REGDB, height=height, width=width, batch=batch
    )
    return lambda: evaluator.extract(test_set.query)


def bare(images: int, backbone: str, height: int, width: int, batch: int) -> Turn:
    """As many images that are at hand through the bare network."""
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    forward = BareForward(BareNetwork(backbone, CLASSES))
    forward.set_train(False)
    images = np.random.default_rng(0).standard_normal((batch, 3, height, width), np.float32)

    def turn() -> None:
        for _ in range(images // batch):
            forward(Tensor(images)).asnumpy()

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
        synthetic.generate(root, layout="regdb", identities=images // 2, images=4, seed=0)
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
    network = DDAG(4, backbone="resnet18", part=0, graph=False, low_dim=8, heads=1, height=32)
    initialise(network, seed=0)
    test_set = regdb.read_test(root, trial=1, direction="v2i")
    everything = np.arange(len(test_set.gallery))
    test_set = type(test_set)(test_set.query, test_set.gallery, (everything, everything))
    evaluator = Evaluator(network, test_set, protocol=REGDB, height=32, width=16, batch=8)
    done: list[int] = []
    evaluator.evaluate(advance=done.append)
    return sum(done) == len(test_set.query) + len(test_set.gallery)


if __name__ == "__main__":
    report.run("features", measure)
