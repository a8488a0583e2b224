"""Random erasing: a rectangle of an image made blank, so that no single patch is relied on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ddag.settings.choices import Erasing


@dataclass(frozen=True)
class Rule:
    """How the rectangle is drawn and filled.

    Attributes:
        area: of the rectangle, lowest and highest share of the image.
        by_logarithm: whether it is the logarithm of height by width that is uniform.
        tries: rectangles drawn before one that fits.
        fill: of each channel of the normalised image.
    """

    area: tuple[float, float]
    by_logarithm: bool
    tries: int
    fill: tuple[float, float, float]


RULES = {
    # Zhong et al., arXiv:1708.04896, Algorithm 1; 0 is the mean colour of a normalised image.
    Erasing.zhong: Rule((0.02, 1 / 3), by_logarithm=True, tries=10, fill=(0, 0, 0)),
    # Ye et al., ICCV 2021, the release: CIFAR-10's mean colour, though the image is normalised.
    Erasing.caj: Rule(
        (0.02, 0.4), by_logarithm=False, tries=100, fill=(0.4914, 0.4822, 0.4465)
    ),
}  # fmt: skip
ASPECT = (0.3, 1 / 0.3)  # of height by width, of both


def erase(
    images: np.ndarray,
    probability: float,
    generator: np.random.Generator,
    kind: Erasing = Erasing.zhong,
) -> None:
    """Blank a rectangle of some of the images, in place.

    MindSpore's own operation for this runs image by image in Python, so it is done here on the
    finished batch.

    Args:
        images: ``(B, 3, H, W)`` float32, normalised.
        probability: of each image to lose a rectangle.
        generator: drawn from.
        kind: by whose rule.
    """
    rule = RULES[kind]
    fill = np.array(rule.fill, np.float32).reshape(3, 1, 1)
    height, width = images.shape[2:]
    for row in np.flatnonzero(generator.random(len(images)) < probability):
        rectangle = _draw_rectangle(height, width, rule, generator)
        if rectangle:
            rows, columns = rectangle
            images[row, :, rows, columns] = fill


def _draw_rectangle(
    height: int, width: int, rule: Rule, generator: np.random.Generator
) -> Optional[tuple[slice, slice]]:
    """Rows and columns of a random rectangle; None if none of the tries fits the image."""
    for _ in range(rule.tries):
        area = generator.uniform(*rule.area) * height * width
        aspect = _draw_aspect(rule, generator)
        tall, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < tall < height and 0 < wide < width:
            top = generator.integers(height - tall + 1)
            left = generator.integers(width - wide + 1)
            return slice(top, top + tall), slice(left, left + wide)
    return None


def _draw_aspect(rule: Rule, generator: np.random.Generator) -> float:
    if rule.by_logarithm:
        return math.exp(generator.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
    return generator.uniform(*ASPECT)
