"""Channel augmentation: one of an image's channels in all three, so that colours say nothing.

Source: Ye et al., "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021,
and the authors' release.
"""

from __future__ import annotations

import numpy as np

# The release's, which cuts ITU-R BT.601's numbers off at four digits.
LUMA = np.array([0.2989, 0.5870, 0.1140], np.float32)


def exchange_channels(
    images: np.ndarray, probability: float, generator: np.random.Generator
) -> np.ndarray:
    """Give some of the images one of their channels R, G, B, a third each, in all three, in place.

    Args:
        images: ``(B, 3, H, W)`` float32.
        probability: of each image to be one of its channels.
        generator: drawn from.

    Returns:
        Rows of the images that keep their channels.
    """
    chosen = generator.random(len(images)) < probability
    channels = generator.integers(3, size=len(images))
    for row in np.flatnonzero(chosen):
        kept = channels[row]
        for other in range(3):
            if other != kept:
                images[row, other] = images[row, kept]
    return np.flatnonzero(~chosen)


def turn_grey(
    images: np.ndarray, rows: np.ndarray, probability: float, generator: np.random.Generator
) -> None:
    """Make some of the images grey, in place, as they are: normalised and erased.

    Args:
        images: ``(B, 3, H, W)`` float32.
        rows: of the images in question.
        probability: of each of those to turn grey.
        generator: drawn from.
    """
    for row in rows[generator.random(len(rows)) < probability]:
        images[row] = np.einsum("c,chw->hw", LUMA, images[row])
