"""Records and sampled rows to batches of augmented images, made ahead in threads.

Shapes: B samples in a batch; V visible and R infrared images of them, N = V + R; H x W pixels.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np

from ddag.data.augmentation import Augmentation, augment
from ddag.data.images import read_images
from ddag.data.normalising import normalise
from ddag.data.records import Records, TrainSet
from ddag.data.sampler import IdentitySampler
from ddag.machine.sharing import ALONE, Share
from ddag.settings.choices import Modality

_AHEAD = 2  # batches made before they are asked for: bounds the memory


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
            views: modality and ``(B, 3, H, W)`` float32 of each; of several processes, those of
                its own samples.
            identities: ``(B,)`` int32, of all samples.
        """
        sides = [[images for each, images in views if each is modality] for modality in Modality]
        joined = [side[0] if len(side) == 1 else np.concatenate(side) for side in sides]
        counts = [len(side) * len(identities) for side in sides]
        modalities = np.repeat(np.arange(2, dtype=np.int32), counts)
        return cls(joined[0], joined[1], np.tile(identities, len(views)), modalities)


class TrainLoader:
    """The batches of any epoch, augmented.

    An image is a function of seed, epoch, batch, view and row: no thread and no other image changes
    it, and an epoch can begin at any of its batches.
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
        share: Share = ALONE,
    ) -> None:
        """Describe the batches.

        Args:
            train_set: with ``pixels``.
            sampler: of its rows.
            views: the images of a sample, by the modality of each; those of one modality show the
                same image, each augmented by itself. Of each modality there is one at least.
            augmentation: of every view.
            workers: threads.
            seed: of everything drawn here.
            share: of this process, which has the images of its own samples, with the identities and
                modalities of all.
        """
        self._pixels = dict(zip(Modality, map(_pixels_of, (train_set.visible, train_set.infrared))))
        self._identities = train_set.visible.identities
        self._sampler = sampler
        self._views = tuple(views)
        # How many earlier views of a sample have its modality.
        self._turns = tuple(self._views[:place].count(view) for place, view in enumerate(views))
        self._augmentation = augmentation
        self._workers = workers
        self._seed = seed
        self._share = share

    def epoch(self, number: int, *, batches: int, first: int = 0) -> Iterator[Batch]:
        """The batches of epoch ``number``, from 0: those from ``first`` to before ``batches``."""
        drawn = dict(zip(Modality, self._sampler.epoch(number)))
        waiting: deque[_Coming] = deque()
        with ThreadPoolExecutor(self._workers) as pool:
            for batch in range(first, batches):
                rows = {modality: chosen[batch] for modality, chosen in drawn.items()}
                waiting.append(self._begin(pool, [self._seed, number, batch], rows))
                if len(waiting) > _AHEAD:
                    yield self._finish(waiting.popleft())
            while waiting:
                yield self._finish(waiting.popleft())

    def _begin(
        self, pool: ThreadPoolExecutor, seeds: Sequence[int], rows: Mapping[Modality, np.ndarray]
    ) -> _Coming:
        """Have the samples of a batch made in threads; ``seeds``: of the batch."""
        size = len(rows[Modality.visible])
        own = range(size)[self._share.rows(size)]
        shape = (len(own), 3, *self._pixels[Modality.visible].shape[1:3])
        images = [np.empty(shape, np.float32) for _ in self._views]

        def make(place: int, row: int) -> None:
            for view, turn, made in zip(self._views, self._turns, images):
                source, further = self._pixels[view][rows[view][row]], turn > 0
                generator = np.random.default_rng([*seeds, turn, row, view is Modality.infrared])
                augment(source, made[place], view, self._augmentation, generator, further=further)

        done = [pool.submit(make, *each) for each in enumerate(own)]
        identities = self._identities[rows[Modality.visible]].astype(np.int32)
        return _Coming(images, identities, done)

    def _finish(self, coming: _Coming) -> Batch:
        """The batch once its samples are made."""
        for sample in coming.done:
            sample.result()
        for pixels in self._pixels.values():
            _unmap(pixels)
        return Batch.of_views(list(zip(self._views, coming.images)), coming.identities)


class _Coming(NamedTuple):
    """A batch that is being made."""

    images: list[np.ndarray]  # of each view, (B, 3, H, W) float32
    identities: np.ndarray  # (B,) int32
    done: list[Future[None]]  # a sample each


def _pixels_of(records: Records) -> np.ndarray:
    """The images of records that were loaded with them, ``(M, H, W, 3)`` uint8."""
    assert records.pixels is not None
    return records.pixels


def _unmap(pixels: np.ndarray) -> None:
    """Give back the memory of images mapped from disk; the system's cache still has them.

    Else an epoch would hold every image it has touched.
    """
    if isinstance(pixels.base, mmap.mmap):
        pixels.base.madvise(mmap.MADV_DONTNEED)


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
