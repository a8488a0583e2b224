"""What a training image goes through, from its pixels to the network's input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from ddag.data.channels import exchange_channels, turn_grey
from ddag.data.erasing import erase
from ddag.data.grayscale import drop_colours
from ddag.data.normalising import scale
from ddag.data.placing import draw_place
from ddag.settings.choices import Erasing, Modality
from ddag.settings.data import ChannelsConfig


@dataclass(frozen=True)
class Augmentation:
    """What a training image goes through; see ``AugmentationConfig``."""

    crop: int
    flip: bool
    grayscale: float
    erasing: float
    erasing_infrared: Optional[float] = None
    erasing_rule: Erasing = Erasing.zhong
    channels: ChannelsConfig = field(default_factory=lambda: ChannelsConfig(0, 0, 0, 0))


def augment(
    pixels: np.ndarray,
    image: np.ndarray,
    modality: Modality,
    chosen: Augmentation,
    generator: np.random.Generator,
    *,
    further: bool = False,
) -> None:
    """Crop, flip, turn grey, normalise, erase and exchange channels, in this order.

    Args:
        pixels: ``(H, W, 3)`` uint8.
        image: ``(3, H, W)`` float32, written.
        modality: of the image.
        chosen: what is to be done.
        generator: drawn from.
        further: whether the sample has this modality in an earlier view, too.
    """
    draw_place(chosen.crop, flip=chosen.flip, generator=generator).put(pixels, image)
    alone = image[None]  # the rest is written for batches
    if modality is Modality.visible:
        drop_colours(alone, chosen.grayscale, generator)
    scale(image)
    finish(alone, modality, chosen, generator, further=further)


def finish(
    images: np.ndarray,
    modality: Modality,
    chosen: Augmentation,
    generator: np.random.Generator,
    *,
    further: bool = False,
) -> None:
    """Erase rectangles, then exchange channels, in place.

    Args:
        images: ``(B, 3, H, W)`` float32, normalised.
        modality: of all of them; the rest as of ``augment``.
        chosen: see there.
        generator: see there.
        further: see there.
    """
    own = chosen.erasing_infrared if modality is Modality.infrared else None
    erase(images, chosen.erasing if own is None else own, generator, chosen.erasing_rule)
    kept, channels = np.arange(len(images)), chosen.channels
    probability = channels.infrared
    if modality is Modality.visible:
        probability = channels.further if further else channels.visible
    if probability:
        kept = exchange_channels(images, probability, generator)
    if modality is Modality.infrared and channels.grayscale:
        turn_grey(images, kept, channels.grayscale, generator)
