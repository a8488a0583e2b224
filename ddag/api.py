"""The framework in a notebook: a trained network's features, a ranking, settings, a run.

``import ddag`` gives these functions; MindSpore is imported by the first that needs it.
"""

# N images, H x W pixels, C channels, Q queries, G gallery images.

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

import numpy as np

from ddag import jobs
from ddag.composition import compose
from ddag.data import images as image_files
from ddag.machine import environment
from ddag.machine.errors import InputError
from ddag.machine.run_folders import RESULT
from ddag.runs.result import Result
from ddag.settings import commands
from ddag.settings.choices import Modality
from ddag.settings.settings import Settings

if TYPE_CHECKING:
    from ddag.training.restore import Restored

Image = Union[str, Path, np.ndarray]
__all__ = ["Model", "compose", "load", "rank", "train"]


class Model:
    """A trained network, as ``load`` gives it.

    Attributes:
        settings: of the run that trained it.
        names: of its features; the last is the method's main one.
    """

    def __init__(self, restored: Restored) -> None:
        from ddag.training import parts

        self._extractor = parts.build_extractor(restored.method, restored.learner.network)
        self.settings = restored.settings
        self.names = restored.method.features

    def features(
        self, images: Sequence[Image], *, modality: str, name: Optional[str] = None
    ) -> np.ndarray:
        """Features to rank by, ``(N, C)`` float32, rows of length 1.

        Args:
            images: files, or arrays ``(H, W, 3)`` uint8 RGB of any size, one at least; they are
                resized as those of the training were.
            modality: of all of them, ``visible`` or ``infrared``: each has a stem of its own.
            name: one of ``names``; without it the last.

        Raises:
            InputError: an image cannot be read, or there is no such modality or feature.
        """
        if modality not in Modality.__members__:
            raise InputError(f"modality={modality}: use one of {', '.join(Modality.__members__)}")
        chosen = self.names[-1] if name is None else name
        if chosen not in self.names:
            raise InputError(f"name={name}: the network has {', '.join(self.names)}")
        if not len(images):
            raise InputError("images: there are none; give one at least")
        data = self.settings.data
        decoded = (_pixels(each, height=data.height, width=data.width) for each in images)
        features = self._extractor.extract_decoded(decoded, len(images), Modality[modality])
        return features[chosen]


def load(checkpoint: Union[str, Path], *, device: str = "cpu") -> Model:
    """The network of a checkpoint, ready to give features.

    Args:
        checkpoint: such as ``outputs/toy/<time>/checkpoints/best.ckpt``.
        device: an option of the group ``device``.

    Raises:
        InputError: the checkpoint cannot be read.
    """
    words = ["job=evaluate", f"device={device}", commands.override("checkpoint", checkpoint)]
    settings = compose(words)
    environment.prepare()
    from ddag.training import parts
    from ddag.training.restore import restore

    parts.configure_device(settings)
    return Model(restore(settings, []))


def rank(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """The gallery by likeness to each query, ``(Q, G)`` int64 rows of it, nearest first.

    Args:
        query: ``(Q, C)`` features of length 1.
        gallery: ``(G, C)``, likewise.

    Raises:
        InputError: they are no such arrays, or of different C.
    """
    shapes = f"query of shape {query.shape}, gallery of shape {gallery.shape}"
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise InputError(f"rank: {shapes}; give a row of C numbers for each image")
    return np.argsort(-query @ gallery.T, axis=1, kind="stable")


def train(settings: Settings, folder: Union[str, Path, None] = None) -> Result:
    """Train and evaluate as ``python run.py`` does; what the best epoch came to.

    Args:
        settings: of ``compose``, perhaps changed by ``dataclasses.replace``.
        folder: the run folder; without it ``outputs/<tag>/<time>``.

    Raises:
        InputError: settings or data set do not work.
    """
    name = f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    place = Path("outputs", settings.tag, name) if folder is None else Path(folder)
    environment.prepare()
    jobs.run(settings, place, [])
    return Result.read(place / RESULT)


def _pixels(image: Image, *, height: int, width: int) -> np.ndarray:
    if isinstance(image, (str, Path)):
        return image_files.read_image(image, height=height, width=width)
    return image_files.resize(image, height=height, width=width)
