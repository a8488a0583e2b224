"""What a network looks at in given images: activation of places, attention between parts."""

# N images, h x w last feature map, P parts.

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
from mindspore import Tensor

from ddag.data.loader import batches_in_order
from ddag.data.records import Records
from ddag.model.network import DDAG, AttentionReader


@dataclass(frozen=True)
class Looks:
    """What a network looks at in N images.

    Attributes:
        activation: ``(N, h, w)``, what each place of the last map adds to the global feature.
        parts: ``(N, P, P)``, how much each part looks at each other; None without IWPA.
    """

    activation: np.ndarray
    parts: Optional[np.ndarray]


class Observer:
    """Reads attention; the network's forward pass is compiled once for each modality."""

    def __init__(self, network: DDAG, *, height: int, width: int, batch: int) -> None:
        """Args: batch: images at a time."""
        self._network = network
        self._size = {"height": height, "width": width, "batch": batch}
        self._readers: dict[str, AttentionReader] = {}

    def look(self, records: Records) -> Looks:
        """What the network, with its weights as they are now, looks at.

        Raises:
            InputError: an image cannot be read.
        """
        key = records.modality.value
        if key not in self._readers:
            self._readers[key] = AttentionReader(self._network, records.modality)
        reader = self._readers[key]
        reader.set_train(False)
        read = [
            [each.asnumpy() for each in reader(Tensor(images))]
            for images in batches_in_order(records, **self._size)
        ]
        columns = [np.concatenate(column)[: len(records)] for column in zip(*read)]
        return Looks(columns[0], columns[1] if len(columns) > 1 else None)

    @property
    def gate(self) -> Optional[np.ndarray]:
        """``(P,)``: the weight of each part in the refined feature, sum 1; None without IWPA."""
        if not self._network.has_part:
            return None
        raw = self._network.part.gate.asnumpy().astype(np.float64)
        powers = np.exp(raw - raw.max())
        return powers / powers.sum()
