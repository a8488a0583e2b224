"""A step shared by two processes of one core each, beside one process of two cores.

What a step exchanges is counted by the sizes of its tensors, not measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from statistics import median

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from benchmarks.step import CLASSES, Size
from benchmarks.turns import Times, Turn, ratio, take_turns
from ddag.machine import sharing
from ddag.runs import launch

SIZES = {
    "ResNet-18, 96 x 48": Size("resnet18", 96, 48),
    "ResNet-50, 288 x 144": Size(),
}  # fmt: skip


def shared(size: Size, count: int) -> Turn:
    """A step in so many processes: this one is the first and starts the others."""
    cores = sorted(os.sched_getaffinity(0))
    meeting = {
        sharing.COUNT: str(count),
        sharing.HOST: "127.0.0.1",
        sharing.PORT: str(launch.free_port()),
    }
    launch.start_process({}, {sharing.ROLE: sharing.SCHEDULER, **meeting})
    others = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.processes", json.dumps([asdict(size), core])],
            env={**os.environ, **meeting, **_place(index)},
            stdin=subprocess.PIPE,
            text=True,
        )
        for index, core in enumerate(cores[1:count], start=1)
    ]
    os.environ.update({**meeting, **_place(0)})
    os.sched_setaffinity(0, cores[:1])
    step = step_of(size)

    def turn() -> None:
        for each in others:
            assert each.stdin is not None
            print("step", file=each.stdin, flush=True)
        step()

    return turn


def alone(size: Size, count: int) -> Turn:
    """A step in one process on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    return step_of(size)


def step_of(size: Size) -> Turn:
    """This process's share of DDAG's step."""
    from ddag.machine import environment

    environment.prepare()
    from benchmarks.settings import composed, trainer_of
    from ddag.data.loader import Batch
    from ddag.machine import device
    from ddag.settings.choices import Modality

    share = sharing.of_environment()
    device.configure("CPU", device_id=0, mode="graph", seed=0, several=share.count > 1)
    method = composed(*words(size))
    trainer, scalars = trainer_of(method, CLASSES, share), method.scalars(1.0)
    *images, identities = size.batch()
    own = [each[share.rows(len(identities))] for each in images]
    batch = Batch.of_views(list(zip(Modality, own)), identities)
    trainer.compile(batch, scalars)
    return lambda: trainer.step(batch, epoch=0, position=0, scalars=scalars)


def words(size: Size) -> list[str]:
    """What the step is typed as."""
    return [
        "recipe=mindspore", f"model.backbone={size.backbone}", f"model.part={size.part}",
        f"data.height={size.height}", f"data.width={size.width}",
    ]  # fmt: skip


def exchanged(size: Size, count: int) -> dict[str, float]:
    """Megabytes that each of so many processes puts into a step's sums, by what they are."""
    from mindspore import Tensor, nn

    from benchmarks.settings import composed, learner_of

    learner = learner_of(composed(*words(size)), CLASSES)
    learner.set_train(False)
    image = Tensor(np.zeros((1, 3, size.height, size.width), np.float32))
    outputs = learner.network(image, image)
    images = 2 * size.identities * size.images
    channels = sum(
        each.num_features
        for _, each in learner.network.cells_and_names()
        if isinstance(each, (nn.BatchNorm1d, nn.BatchNorm2d))
    )
    numbers = {
        "gradients": sum(each.size for each in learner.trainable_params()),
        # Mean and variance in one of the processes' places, and two sums back.
        "batch norms": channels * (2 * count + 2),
        # The outputs of the whole batch, and their gradients.
        "outputs": 2 * images * sum(int(np.prod(each.shape[1:])) for each in outputs),
    }
    return {what: 4 * each / 1e6 for what, each in numbers.items()}


def measure(
    sizes: dict[str, Size] = SIZES, rounds: int = 5, lives: int = 1, count: int = 2
) -> list[Row]:
    """A step in two processes of one core each beside one process of two cores"""
    rows = []
    for name, size in sizes.items():
        contestants = {
            "one": partial(alone, size, count),
            "several": partial(shared, size, count),
        }
        times = take_turns(contestants, rounds=rounds, lives=lives)
        share = ratio(times["several"], times["one"])
        told = ", ".join(f"{what} {each:.3g}" for what, each in exchanged(size, count).items())
        rows += [
            Row(f"{name}: one process, {count} processes", _seconds(times)),
            Row(f"{name}: {count} processes / one", f"{share:.3g}"),
            Row(f"{name}: MB that a process puts into a step's sums", told),
        ]
    return rows


def _seconds(times: dict[str, Times]) -> str:
    one, several = (median(times[name].seconds) for name in ("one", "several"))
    return f"{one:.3g} s, {several:.3g} s"


def _place(index: int) -> dict[str, str]:
    return {sharing.ROLE: sharing.WORKER, sharing.INDEX: str(index)}


def main() -> None:
    """Take a step for each line that is read: one of the other processes."""
    size, core = json.loads(sys.argv[1])
    os.sched_setaffinity(0, [core])
    step = step_of(Size(**size))
    for _ in sys.stdin:
        step()
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main()
    else:
        report.run("processes", measure)
