"""Convolutions of the installed MindSpore, with AVX-512 and with AVX2."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from benchmarks.turns import Turn, ratio, take_turns

VARIABLE = "ONEDNN_MAX_CPU_ISA"


def convolve(setting: str, images: int, channels: int) -> Turn:
    """A 3x3 convolution of 18 x 9 maps, oneDNN held to ``setting``."""
    os.environ[VARIABLE] = setting
    from mindspore import Tensor, ops

    from ddag.machine import device

    device.configure("CPU", device_id=0, mode="pynative", seed=0)
    generator = np.random.default_rng(0)
    x = Tensor(generator.standard_normal((images, channels, 18, 9), np.float32))
    weight = Tensor(generator.standard_normal((channels, channels, 3, 3), np.float32))
    convolution = ops.Conv2D(channels, 3, pad_mode="pad", pad=1)
    return lambda: convolution(x, weight).asnumpy()


def measure(images: int = 4, channels: int = 256, rounds: int = 5) -> list[Row]:
    """A convolution with AVX-512 against AVX2 (2.9 and 2.10 are set to AVX2 by the framework)"""
    times = take_turns(
        {setting: partial(convolve, setting, images, channels) for setting in ("DEFAULT", "AVX2")},
        rounds=rounds,
    )
    return [Row("time with AVX-512 / with AVX2", f"{ratio(times['DEFAULT'], times['AVX2']):.3g}")]


if __name__ == "__main__":
    report.run("avx512", measure)
