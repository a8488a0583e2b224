"""Random erasing: a rectangle of an image made blank, so that no single patch is relied on."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np

AREA = (0.02, 1 / 3)  # of the rectangle, as a share of the image
LOG_ASPECT = (math.log(0.3), math.log(1 / 0.3))  # of height by width
TRIES = 10  # rectangles drawn before one that fits


def erase(images: np.ndarray, probability: float, generator: np.random.Generator) -> None:
    """Blank a rectangle of some of the images, in place.

    MindSpore's own operation for this runs image by image in Python, so it is done here on the
    finished batch. The value 0 is the mean colour of a normalised image.

    Args:
        images: ``(B, 3, H, W)`` float32, normalised.
        probability: of each image to lose a rectangle.
        generator: drawn from.

    Source:
        Zhong et al., arXiv:1708.04896, Algorithm 1.
    """
    height, width = images.shape[2:]
    for row in np.flatnonzero(generator.random(len(images)) < probability):
        rectangle = _draw_rectangle(height, width, generator)
        if rectangle:
            rows, columns = rectangle
            images[row, :, rows, columns] = 0


def _draw_rectangle(
    height: int, width: int, generator: np.random.Generator
) -> Optional[tuple[slice, slice]]:
    """Rows and columns of a random rectangle; None if none of the tries fits the image."""
    for _ in range(TRIES):
        area = generator.uniform(*AREA) * height * width
        aspect = math.exp(generator.uniform(*LOG_ASPECT))
        tall, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < tall < height and 0 < wide < width:
            top = generator.integers(height - tall + 1)
            left = generator.integers(width - wide + 1)
            return slice(top, top + tall), slice(left, left + wide)
    return None
