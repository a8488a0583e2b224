"""Pixels' levels, 0 to 255, to what the network takes, and back."""

# B images of H x W pixels.

from __future__ import annotations

import numpy as np

# Of ImageNet, in the order RGB; what pretrained weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)

_MEAN, _DEVIATION = (
    np.array(values, np.float32).reshape(3, 1, 1) * 255 for values in (MEAN, DEVIATION)
)


def scale(image: np.ndarray) -> None:
    """Levels of one image, ``(3, H, W)`` float32, by ImageNet's mean and deviation, in place."""
    image -= _MEAN
    image /= _DEVIATION


def normalise(pixels: np.ndarray) -> np.ndarray:
    """``(B, H, W, 3)`` uint8 to ``(B, 3, H, W)`` float32."""
    images = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for levels, image in zip(pixels, images):  # one by one they stay in the processor's cache
        image[:] = levels.transpose(2, 0, 1)
        scale(image)
    return images


def denormalise(images: np.ndarray) -> np.ndarray:
    """``(B, 3, H, W)`` float32 back to ``(B, H, W, 3)`` uint8, to look at."""
    levels = images.transpose(0, 2, 3, 1) * np.array(DEVIATION) + np.array(MEAN)
    return (levels * 255).round().clip(0, 255).astype(np.uint8)
