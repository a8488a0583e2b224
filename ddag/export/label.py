"""What an exported file says of itself: what it is of, what goes in and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ddag.data.normalising import DEVIATION, MEAN
from ddag.methods.method import Method
from ddag.settings.choices import Modality

INPUT = "images"


@dataclass(frozen=True)
class Label:
    """A file's.

    Attributes:
        method: name of the method.
        modality: of the images that go in.
        features: names of what comes out, in order.
        height: of an image, in pixels.
        width: in pixels.
        pixels: whether the images are ``(B, H, W, 3)`` uint8 RGB, which the file normalises; else
            they are ``(B, 3, H, W)`` float32, normalised.
        checkpoint: SHA-256 of the checkpoint that it was made of.
    """

    method: str
    modality: Modality
    features: tuple[str, ...]
    height: int
    width: int
    pixels: bool
    checkpoint: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image that goes in."""
        return (self.height, self.width, 3) if self.pixels else (3, self.height, self.width)

    @property
    def words(self) -> dict[str, str]:
        """As the file holds it."""
        return {
            "method": self.method,
            "modality": self.modality.value,
            "features": ",".join(self.features),
            "height": str(self.height),
            "width": str(self.width),
            "mean": ",".join(map(str, MEAN)),
            "deviation": ",".join(map(str, DEVIATION)),
            "input": "RGB pixels" if self.pixels else "RGB / 255, less mean, over deviation",
            "checkpoint_sha256": self.checkpoint,
        }


def labels(method: Method[Any], checkpoint: str, *, pixels: bool = False) -> dict[Modality, Label]:
    """What the file of each modality says of itself.

    Args:
        method: of the network.
        checkpoint: SHA-256 of its checkpoint.
        pixels: see ``Label``.
    """
    data, name, features = method.settings.data, method.settings.model.name, tuple(method.features)
    return {
        modality: Label(name, modality, features, data.height, data.width, pixels, checkpoint)
        for modality in Modality
    }
