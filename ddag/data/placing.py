"""Random crop and flip: where the pixels of an image come to lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Place:
    """Where the pixels of an image come to lie.

    Attributes:
        down: rows by which they are moved, up where it is below 0.
        right: columns, to the left where it is below 0.
        mirrored: whether left is right, after that.
    """

    down: int = 0
    right: int = 0
    mirrored: bool = False

    def put(self, pixels: np.ndarray, image: np.ndarray) -> None:
        """Write the levels of ``pixels``, black where none comes to lie.

        Args:
            pixels: ``(H, W, 3)`` uint8.
            image: ``(3, H, W)`` float32, written.
        """
        target = image[:, :, ::-1] if self.mirrored else image
        height, width = pixels.shape[:2]
        rows, columns = _moved(self.down, height), _moved(self.right, width)
        if self.down or self.right:
            image.fill(0)
        levels = pixels[_moved(-self.down, height), _moved(-self.right, width)]
        target[:, rows, columns] = levels.transpose(2, 0, 1)


def draw_place(crop: int, *, flip: bool, generator: np.random.Generator) -> Place:
    """A random place: a window of the image's size, in the image with a border around it.

    Args:
        crop: pixels of that border on each side; 0: the image as it is.
        flip: whether every other image is mirrored.
        generator: drawn from, for what is on.
    """
    down, right = generator.integers(-crop, crop, 2, endpoint=True).tolist() if crop else (0, 0)
    return Place(down, right, mirrored=flip and bool(generator.random() < 0.5))


def _moved(by: int, size: int) -> slice:
    """Where the places of a side lie after a move, those that are still within it."""
    return slice(min(max(by, 0), size), max(min(size + by, size), 0))
