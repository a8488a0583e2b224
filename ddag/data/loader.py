"""Records and sampled rows through MindSpore's C++ image operations to batches.

Shapes: B samples in a batch; V visible and R infrared images of them, N = V + R; H x W pixels.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import mindspore.dataset as ds
import numpy as np
from mindspore.dataset import vision

from ddag.data.augmentation import Augmentation, finish
from ddag.data.grayscale import drop_colours
from ddag.data.images import read_images
from ddag.data.records import Records, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.settings.choices import Modality

# Of ImageNet, in the order RGB; what pretrained weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """One training batch.

    What is said of all N images stands in the order in which a network gives its outputs: the
    visible ones, view by view, then the infrared ones.
    """

    visible: np.ndarray  # (V, 3, H, W) float32, normalised
    infrared: np.ndarray  # (R, 3, H, W) float32, normalised
    identities: np.ndarray  # (N,) int32
    modalities: np.ndarray  # (N,) int32, 0 for visible, 1 for infrared

    @classmethod
    def of_views(
        cls, views: Sequence[tuple[Modality, np.ndarray]], identities: np.ndarray
    ) -> Batch:
        """Join the views of the same B samples.

        Args:
            views: modality and ``(B, 3, H, W)`` float32 of each.
            identities: ``(B,)`` int32.
        """
        sides = [[images for each, images in views if each is modality] for modality in Modality]
        joined = [side[0] if len(side) == 1 else np.concatenate(side) for side in sides]
        counts = [len(side) * len(identities) for side in sides]
        modalities = np.repeat(np.arange(2, dtype=np.int32), counts)
        return cls(joined[0], joined[1], np.tile(identities, len(views)), modalities)


class TrainLoader:
    """The batches of any epoch, augmented; the same seed and epoch give the same batches.

    The C++ operations draw differently for another number of ``workers``.
    """

    def __init__(
        self,
        train_set: TrainSet,
        sampler: IdentitySampler,
        *,
        views: Sequence[Modality],
        augmentation: Augmentation,
        workers: int,
        seed: int,
    ) -> None:
        """Describe the batches.

        Args:
            train_set: with ``pixels``.
            sampler: of its rows.
            views: the images of a sample, by the modality of each; those of one modality show the
                same image, each augmented by itself. Of each modality there is one at least.
            augmentation: of every view.
            workers: threads for each view.
            seed: of everything drawn here.
        """
        self._set = train_set
        self._sampler = sampler
        self._views = tuple(views)
        self._augmentation = augmentation
        self._workers = workers
        self._seed = seed

    def epoch(self, number: int, *, batches: int) -> Iterator[Batch]:
        """The first ``batches`` batches of epoch ``number``, from 0."""
        generator = np.random.default_rng([self._seed, number, 1])
        for levels, identities in self._read(number, batches):
            for modality, images in zip(self._views, levels):
                if modality is Modality.visible:
                    drop_colours(images, self._augmentation.grayscale, generator)
            views = [(view, _scale(images)) for view, images in zip(self._views, levels)]
            finish(views, self._augmentation, generator)
            for records in (self._set.visible, self._set.infrared):
                _unmap(records)
            yield Batch.of_views(views, identities)

    def _read(self, number: int, batches: int) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        """Each batch's views, ``(B, 3, H, W)`` uint8, and its identities."""
        drawn = dict(zip(Modality, (rows[:batches] for rows in self._sampler.epoch(number))))
        # All operations of a pipeline draw alike, so a second view of a modality has its own.
        turns = [self._views[:place].count(view) for place, view in enumerate(self._views)]
        pipelines = []
        for turn in range(max(turns) + 1):
            views = [view for view, its in zip(self._views, turns) if its == turn]
            seeds = [self._seed, number, 1 + turn] if turn else [self._seed, number]
            pipelines.append(self._pipeline(views, [drawn[view] for view in views], seeds))
        for parts in zip(*pipelines):
            images = [iter(part) for part in parts]
            yield [next(images[turn]) for turn in turns], parts[0][-1]

    def _pipeline(
        self, views: Sequence[Modality], rows: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> Iterator[list[np.ndarray]]:
        """Each batch's images of views of different modalities, and its identities."""
        # The operations take their seeds from here when the iterator is made.
        ds.config.set_seed(int(np.random.default_rng(seeds).integers(2**31)))
        columns = [f"view_{position}" for position in range(len(rows))]
        pipeline = ds.GeneratorDataset(
            _Samples(self._set, views, [each.ravel() for each in rows]),
            [*columns, "identity"],
            shuffle=False,
            num_parallel_workers=1,
            python_multiprocessing=False,
        )
        for column in columns:
            pipeline = pipeline.map(
                self._operations(), input_columns=column, num_parallel_workers=self._workers
            )
        pipeline = pipeline.batch(rows[0].shape[1])
        batches_read: Iterator[list[np.ndarray]] = pipeline.create_tuple_iterator(
            num_epochs=1, output_numpy=True
        )
        return batches_read

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
    paths: Sequence[str], *, height: int, width: int, batch: int
) -> Iterator[np.ndarray]:
    """Every image once, in order, decoded ahead in threads; see ``in_batches``.

    Raises:
        InputError: an image cannot be read.
    """
    decoded = read_images(paths, height=height, width=width)
    return in_batches(decoded, len(paths), batch=batch)


def in_batches(decoded: Iterable[np.ndarray], count: int, *, batch: int) -> Iterator[np.ndarray]:
    """Decoded images to batches ``(B, 3, H, W)`` float32, normalised, in their order.

    The last batch is filled up with blank images, since a batch of another size would have the
    network compiled anew. Fewer images than ``batch`` make one batch of their number.

    Args:
        decoded: ``(H, W, 3)`` uint8 each, all of one size.
        count: how many they are.
        batch: B.
    """
    batch, images = min(batch, count), iter(decoded)
    while chunk := list(islice(images, batch)):
        height, width = chunk[0].shape[:2]
        filled = np.zeros((batch, 3, height, width), np.float32)
        filled[: len(chunk)] = normalise(np.stack(chunk))
        yield filled


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


class _Samples:
    """An image for each view, all of one identity, by position in the epoch."""

    def __init__(
        self, train_set: TrainSet, views: Sequence[Modality], rows: Sequence[np.ndarray]
    ) -> None:
        sets = {Modality.visible: train_set.visible, Modality.infrared: train_set.infrared}
        self._views = [(sets[modality], each) for modality, each in zip(views, rows)]

    def __len__(self) -> int:
        return len(self._views[0][1])

    def __getitem__(self, position: int) -> tuple[np.ndarray, ...]:
        images = []
        for records, rows in self._views:
            assert records.pixels is not None
            images.append(records.pixels[rows[position]])
        records, rows = self._views[0]
        return (*images, np.int32(records.identities[rows[position]]))
