"""What a training image goes through, and of that what is done on a finished, normalised batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from ddag.data.channels import exchange_channels, turn_grey
from ddag.data.erasing import erase
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


def finish(
    views: Sequence[tuple[Modality, np.ndarray]],
    chosen: Augmentation,
    generator: np.random.Generator,
) -> None:
    """Erase rectangles, then exchange channels, in place, view by view.

    Args:
        views: modality and normalised images ``(B, 3, H, W)`` float32 of each.
        chosen: what is to be done.
        generator: drawn from.
    """
    seen: set[Modality] = set()
    for view, images in views:
        own = chosen.erasing_infrared if view is Modality.infrared else None
        probability = chosen.erasing if own is None else own
        erase(images, probability, generator, chosen.erasing_rule)
        _mix_channels(view, images, chosen.channels, generator, further=view in seen)
        seen.add(view)


def _mix_channels(
    view: Modality,
    images: np.ndarray,
    chosen: ChannelsConfig,
    generator: np.random.Generator,
    *,
    further: bool,
) -> None:
    """Draw nothing for what is off, so that the images of runs without it stay the same."""
    kept = np.arange(len(images))
    probability = chosen.infrared
    if view is Modality.visible:
        probability = chosen.further if further else chosen.visible
    if probability:
        kept = exchange_channels(images, probability, generator)
    if view is Modality.infrared and chosen.grayscale:
        turn_grey(images, kept, chosen.grayscale, generator)
