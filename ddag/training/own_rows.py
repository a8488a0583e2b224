"""A process's own rows of whole batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ddag.data.loader import Batch, TrainLoader
from ddag.machine.sharing import Share


class OwnRows:
    """A loader of whole batches, of which a process goes on with its own images."""

    def __init__(self, loader: TrainLoader, share: Share) -> None:
        self._loader, self._share = loader, share

    def epoch(self, number: int, *, batches: int, first: int = 0) -> Iterator[Batch]:
        """As ``TrainLoader.epoch``; identities and modalities are the whole batch's."""
        for batch in self._loader.epoch(number, batches=batches, first=first):
            yield own(batch, self._share)


def own(batch: Batch, share: Share) -> Batch:
    """A process's rows of each view's samples."""
    if share.count == 1:
        return batch
    samples = int(np.gcd(len(batch.visible), len(batch.infrared)))
    rows = share.rows(samples)
    visible, infrared = (
        np.concatenate([view[rows] for view in np.split(images, len(images) // samples)])
        for images in (batch.visible, batch.infrared)
    )
    return batch._replace(visible=visible, infrared=infrared)
