"""Records and sampled rows through MindSpore's C++ image operations to batches.

Shapes: B images of one modality in a batch, H x W pixels.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import mindspore.dataset as ds
import numpy as np
from mindspore.dataset import vision

from ddag.data.erasing import erase
from ddag.data.grayscale import drop_colours
from ddag.data.images import read_images
from ddag.data.records import Records, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.settings.choices import Modality

# Of ImageNet, in the order RGB; what pretrained weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """One training batch; image i shows the same identity in both modalities."""

    visible: np.ndarray  # (B, 3, H, W) float32, normalised
    infrared: np.ndarray  # (B, 3, H, W) float32, normalised
    identities: np.ndarray  # (B,) int32


@dataclass(frozen=True)
class Augmentation:
    """What a training image goes through; see ``config.AugmentationConfig``."""

    crop: int
    flip: bool
    grayscale: float
    erasing: float


class TrainLoader:
    """The batches of any epoch, augmented; the same seed and epoch give the same batches.

    The C++ operations draw differently for another number of ``workers``.
    """

    def __init__(
        self,
        train_set: TrainSet,
        sampler: IdentitySampler,
        *,
        augmentation: Augmentation,
        workers: int,
        seed: int,
    ) -> None:
        """Args: train_set: with ``pixels``; workers: threads for each modality."""
        self._set = train_set
        self._sampler = sampler
        self._augmentation = augmentation
        self._workers = workers
        self._seed = seed

    def epoch(self, number: int, *, batches: int) -> Iterator[Batch]:
        """The first ``batches`` batches of epoch ``number``, from 0."""
        visible_rows, infrared_rows = self._sampler.epoch(number)
        source = _Pairs(self._set, visible_rows[:batches].ravel(), infrared_rows[:batches].ravel())
        # The operations take their seeds from here when the iterator is made.
        ds.config.set_seed(int(np.random.default_rng([self._seed, number]).integers(2**31)))
        pipeline = ds.GeneratorDataset(
            source,
            ["visible", "infrared", "identity"],
            shuffle=False,
            num_parallel_workers=1,
            python_multiprocessing=False,
        )
        for modality in Modality:
            pipeline = pipeline.map(
                self._operations(),
                input_columns=modality.value,
                num_parallel_workers=self._workers,
            )
        pipeline = pipeline.batch(visible_rows.shape[1])
        generator = np.random.default_rng([self._seed, number, 1])
        for arrays in pipeline.create_tuple_iterator(num_epochs=1, output_numpy=True):
            visible, infrared, identities = arrays
            drop_colours(visible, self._augmentation.grayscale, generator)
            batch = Batch(_scale(visible), _scale(infrared), identities)
            for images in (batch.visible, batch.infrared):
                erase(images, self._augmentation.erasing, generator)
            for records in (self._set.visible, self._set.infrared):
                _unmap(records)
            yield batch

    def _operations(self) -> list[Any]:
        """What MindSpore does to each image, ``(H, W, 3)`` to ``(3, H, W)``, all in uint8.

        As float32 an image is four times as large, and the pipeline several times as slow.
        """
        assert self._set.visible.pixels is not None
        size = self._set.visible.pixels.shape[1:3]
        chosen: list[Any] = []
        if self._augmentation.crop:
            chosen += [vision.Pad(self._augmentation.crop), vision.RandomCrop(size)]
        if self._augmentation.flip:
            chosen.append(vision.RandomHorizontalFlip())
        return [*chosen, vision.HWC2CHW()]


def _unmap(records: Records) -> None:
    """Give back the memory of images mapped from disk; the system's cache still has them.

    Else an epoch would hold every image it has touched.
    """
    assert records.pixels is not None
    if isinstance(records.pixels.base, mmap.mmap):
        records.pixels.base.madvise(mmap.MADV_DONTNEED)


def batches_in_order(
    records: Records, *, height: int, width: int, batch: int
) -> Iterator[np.ndarray]:
    """Every image once, in order, decoded ahead in threads: ``(B, 3, H, W)``, normalised.

    The last batch is filled up with blank images, since a batch of another size would have the
    network compiled anew. Fewer images than ``batch`` make one batch of their number.

    Raises:
        InputError: an image cannot be read.
    """
    batch = min(batch, len(records))
    decoded = read_images(records.paths.tolist(), height=height, width=width)
    while chunk := list(islice(decoded, batch)):
        images = np.zeros((batch, 3, height, width), np.float32)
        images[: len(chunk)] = normalise(np.stack(chunk))
        yield images


def normalise(pixels: np.ndarray) -> np.ndarray:
    """``(B, H, W, 3)`` uint8 to ``(B, 3, H, W)`` float32."""
    return _scale(pixels.transpose(0, 3, 1, 2))


def denormalise(images: np.ndarray) -> np.ndarray:
    """``(B, 3, H, W)`` float32 back to ``(B, H, W, 3)`` uint8, to look at."""
    levels = images.transpose(0, 2, 3, 1) * np.array(DEVIATION) + np.array(MEAN)
    return (levels * 255).round().clip(0, 255).astype(np.uint8)


def _scale(images: np.ndarray) -> np.ndarray:
    """``(B, 3, H, W)`` uint8 to float32 of ImageNet's mean and deviation."""
    mean, deviation = (
        np.array(values, np.float32).reshape(3, 1, 1) * 255 for values in (MEAN, DEVIATION)
    )
    scaled = np.empty(images.shape, np.float32)
    for levels, image in zip(images, scaled):  # one by one they stay in the processor's cache
        image[:] = levels
        image -= mean
        image /= deviation
    return scaled


class _Pairs:
    """A visible and an infrared image of one identity, by position in the epoch."""

    def __init__(self, train_set: TrainSet, visible: np.ndarray, infrared: np.ndarray) -> None:
        self._visible, self._infrared = train_set.visible, train_set.infrared
        self._rows = visible, infrared

    def __len__(self) -> int:
        return len(self._rows[0])

    def __getitem__(self, position: int) -> tuple[np.ndarray, np.ndarray, np.int32]:
        visible, infrared = (rows[position] for rows in self._rows)
        assert self._visible.pixels is not None
        assert self._infrared.pixels is not None
        identity = np.int32(self._visible.identities[visible])
        return self._visible.pixels[visible], self._infrared.pixels[infrared], identity
