"""Sizes that follow from the backbone's strides. No MindSpore, so that settings can be checked."""


def map_size(pixels: int) -> int:
    """Rows (or columns) of the last feature map of an image ``pixels`` high (or wide)."""
    for _ in range(4):  # conv1, the max pool, layer2 and layer3, each of stride 2
        pixels = (pixels + 1) // 2
    return pixels
