"""A step of a method beside plain PyTorch: ``python -m benchmarks.beside_torch agw caj``.

Without names, of every method that is written in PyTorch here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial, update_wrapper

from benchmarks import report
from benchmarks.methods import step as framework
from benchmarks.report import Row
from benchmarks.step import CLASSES, PUBLISHED, Size, absolute
from benchmarks.turns import Turn, ratio, take_turns


def plain_torch(name: str, size: Size, *, channels_last: bool) -> Turn:
    """A step of a method in PyTorch, on as many views of a sample as it asks for."""
    from benchmarks.plain_methods import PLAIN, PlainTraining
    from ddag.data.loader import Batch
    from ddag.methods import METHODS

    training = PlainTraining(PLAIN[name](size.backbone, CLASSES), channels_last=channels_last)
    visible, infrared, identities = size.batch()
    images = {"visible": visible, "infrared": infrared}
    views = [(view, images[view.value]) for view in METHODS.find(name).views]
    batch = Batch.of_views(views, identities)
    return lambda: training.step(batch.visible, batch.infrared, batch.identities)


def compare(name: str, size: Size = PUBLISHED, rounds: int = 3, lives: int = 2) -> list[Row]:
    """Time and memory of a step of one method, turn by turn."""
    ours, first, last = "framework", "PyTorch, channels-first", "PyTorch, channels-last"
    contestants = {
        ours: partial(framework, name, size),
        first: partial(plain_torch, name, size, channels_last=False),
        last: partial(plain_torch, name, size, channels_last=True),
    }
    times = take_turns(contestants, rounds=rounds, lives=lives)
    memory = times[ours].memory / times[first].memory
    return [
        *(absolute(f"{name}: {each}", found) for each, found in times.items()),
        Row.at_most(f"{name}: framework / {first}", ratio(times[ours], times[first]), 1.0),
        Row(f"{name}: framework / {last}", f"{ratio(times[ours], times[last]):.3g}"),
        Row.at_most(f"{name}: peak memory, framework / {first}", memory, 1.0),
    ]


def measure(names: Sequence[str] = ()) -> list[Row]:
    """A training step of the methods beside PyTorch: ResNet-50, 288 x 144, 16 images of a view"""
    from benchmarks.plain_methods import PLAIN

    return [row for name in names or PLAIN for row in compare(name)]


if __name__ == "__main__":
    report.run("beside_torch", update_wrapper(partial(measure, sys.argv[1:]), measure))
