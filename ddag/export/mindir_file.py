"""A network as MINDIR, MindSpore's own exchange format: written, and run by a fresh process.

Shapes: B images of H x W pixels.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from ddag.data.normalising import DEVIATION, MEAN, denormalise
from ddag.evaluation.extractor import FeatureStream
from ddag.export.label import Label
from ddag.machine import device, environment
from ddag.machine.errors import InputError
from ddag.machine.words import printable, shortened
from ddag.model.network import TwoStreams


class PixelStream(nn.Cell):
    """One modality's pixels to the network's test features."""

    def __init__(self, stream: FeatureStream) -> None:
        super().__init__(auto_prefix=False)
        self.stream = stream
        self.mean = Tensor(np.array(MEAN, np.float32) * 255)
        self.deviation = Tensor(np.array(DEVIATION, np.float32) * 255)

    def construct(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Features of length 1.

        Args:
            pixels: ``(B, H, W, 3)`` uint8 RGB.
        """
        images = (pixels.astype(ms.float32) - self.mean) / self.deviation
        return self.stream(images.transpose(0, 3, 1, 2))


def write(path: Path, network: TwoStreams, label: Label) -> None:
    """Write one modality's way through a network.

    Args:
        path: of the file, which ends in .mindir.
        network: its weights are written.
        label: what the file is to say of itself, and to take in.

    Raises:
        InputError: MindSpore cannot write it.
    """
    stream = FeatureStream(network, label.modality)
    cell = PixelStream(stream) if label.pixels else stream
    cell.set_train(False)
    given = Tensor(shape=[None, *label.shape], dtype=ms.uint8 if label.pixels else ms.float32)

    def say(model: Any) -> None:
        for key, value in label.words.items():
            model.user_info.add(key=key, value=value)

    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    try:
        with environment.quiet():
            ms.export(cell, given, file_name=str(path), file_format="MINDIR", custom_func=say)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = shortened(str(error).strip().partition("\n")[0], 200)
        raise InputError(
            f"job.format=mindir: MindSpore {device.VERSION} cannot write it ({reason}); use"
            " MindSpore 2.8, or job.format=onnx"
        ) from error
    path.chmod(mode)  # MindSpore lets nobody but the owner read it


def run_alone(path: Path, label: Label, batches: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Features in the method's order of each batch, by a process that knows the file alone.

    Args:
        path: of the file.
        label: what it says of itself.
        batches: ``(B, 3, H, W)`` normalised images each.

    Raises:
        InputError: it cannot be run.
    """
    given = [denormalise(images) if label.pixels else images for images in batches]
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
            return processes.submit(_run, str(path), given).result()
    except (RuntimeError, TypeError, ValueError, OSError) as error:
        reason = shortened(str(error).strip().partition("\n")[0], 200)
        raise InputError(
            f"{printable(path)}: MindSpore cannot run it ({reason}); report that"
        ) from error


def _run(path: str, batches: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    device.configure("CPU", device_id=0, mode="graph", seed=0)
    network = nn.GraphCell(ms.load(path))
    return [[each.asnumpy() for each in _several(network(Tensor(images)))] for images in batches]


def _several(outputs: Any) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
