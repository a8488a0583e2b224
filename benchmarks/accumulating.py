"""A step whose batch goes through the backbone in parts, beside the step of the whole batch."""

from __future__ import annotations

from functools import partial

from benchmarks import report
from benchmarks.report import Row
from benchmarks.step import PUBLISHED, Size, absolute, framework
from benchmarks.turns import ratio, take_turns


def measure(size: Size = PUBLISHED, rounds: int = 3, parts: tuple[int, ...] = (2, 4)) -> list[Row]:
    """A batch through the backbone in parts: ResNet-50, 288 x 144, 16 + 16 images"""
    contestants = {"whole": partial(framework, size)}
    for count in parts:
        words = f"device.accumulate={count}", "device.sync_bn=false"
        contestants[f"{count} parts"] = partial(framework, size, *words)
    times = take_turns(contestants, rounds=rounds)
    whole, rows = times["whole"], [absolute(name, each) for name, each in times.items()]
    for name in list(times)[1:]:
        # Each part goes forward twice and backward once, where a whole batch does so once each.
        rows.append(Row(f"time, {name} / whole", f"{ratio(times[name], whole):.3g}"))
        share = times[name].memory / whole.memory
        rows.append(Row.at_most(f"peak memory, {name} / whole", share, 1))
    return rows


if __name__ == "__main__":
    report.run("accumulating", measure)
