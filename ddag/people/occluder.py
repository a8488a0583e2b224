"""Things that stand between a camera and a person: walls, hedges, posts, parked cars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ddag.people.canvas import HEIGHT, WIDTH


@dataclass(frozen=True)
class Occluder:
    """A textured rectangle on the canvas.

    Attributes:
        left: canvas pixels from the left edge, as ``top`` from the upper one.
        top: see ``left``.
        levels: ``(H, W, 3)`` uint8 RGB.
    """

    left: int
    top: int
    levels: np.ndarray

    def hide(self, parts: np.ndarray) -> None:
        """Take what is behind out of a ``(256, 128)`` map of parts."""
        high, wide = self.levels.shape[:2]
        parts[self.top : self.top + high, self.left : self.left + wide] = 0

    def paste(self, scene: Image.Image) -> None:
        """Put it on the canvas: in colour, or, on a grey one, as cool as things are at night."""
        image = Image.fromarray(self.levels)
        if scene.mode == "L":
            image = image.convert("L").point([10 + level // 3 for level in range(256)])
        scene.paste(image, (self.left, self.top))


def random_occluder(rng: np.random.Generator) -> Occluder:
    """A third to nearly half of the height, across three fifths of the width or more."""
    high = int(HEIGHT * rng.uniform(0.33, 0.48))
    wide = min(WIDTH, int(WIDTH * rng.uniform(0.6, 1.4)))
    top = int(rng.uniform(0.05, 0.97) * (HEIGHT - high))
    left = int(rng.uniform(0, 1) * (WIDTH - wide))
    cells = rng.integers(2, 14, 2)  # rows and columns of its texture
    shade = rng.uniform(40, 215) + rng.uniform(-35, 35, 3)
    coarse = shade + rng.uniform(10, 60) * rng.standard_normal((*cells, 1))
    smooth = Image.Resampling.BICUBIC if rng.random() < 0.5 else Image.Resampling.NEAREST
    texture = Image.fromarray(coarse.clip(0, 255).astype(np.uint8))
    return Occluder(left, top, np.asarray(texture.resize((wide, high), smooth)))
