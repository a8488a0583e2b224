"""Random grayscale: an image without its colours, so that shape and texture have to do."""

from __future__ import annotations

import numpy as np

# Of red, green and blue in the brightness that the eye sees. Source: ITU-R BT.601, Sec. 2.5.1.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def drop_colours(images: np.ndarray, probability: float, generator: np.random.Generator) -> None:
    """Make some of the images grey, in place; brightness is rounded as in an 8-bit image.

    Args:
        images: ``(B, 3, H, W)`` float32, levels 0 to 255 of R, G, B.
        probability: of each image to lose its colours.
        generator: drawn from.
    """
    for row in np.flatnonzero(generator.random(len(images)) < probability):
        grey = np.einsum("c,chw->hw", LUMA, images[row])
        images[row] = np.rint(grey, out=grey)
