"""Sizes that follow from settings. No MindSpore, so that settings can be checked."""

from ddag.settings.choices import InnerWidth


def map_size(pixels: int) -> int:
    """Rows (or columns) of the last feature map of an image ``pixels`` high (or wide)."""
    for _ in range(4):  # conv1, the max pool, layer2 and layer3, each of stride 2
        pixels = (pixels + 1) // 2
    return pixels


def inner_width(kind: InnerWidth, channels: int) -> int:
    """In how many channels a non-local block of a map of so many compares its places."""
    return 1 if kind is InnerWidth.single else channels // 2
