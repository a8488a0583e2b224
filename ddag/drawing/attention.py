"""What the network looks at: activation over images, attention between parts, and the gate."""

# N images, h x w last feature map, P parts.

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ddag.drawing.figure import new_figure, on_sheet, thumbnails

HEIGHT, WIDTH = 192, 96  # of an image, in pixels
GAP = 12
NUMBERS_UP_TO = 6  # parts, beyond which numbers in the cells would be too small to read


def draw_activation(paths: Sequence[str], activation: np.ndarray) -> Figure:
    """The images in a row and below each the same image under its activation.

    Args:
        paths: N.
        activation: ``(N, h, w)``; each is spread over the whole range of colours.

    Raises:
        InputError: an image cannot be read.
    """
    images = thumbnails(paths, height=HEIGHT, width=WIDTH)
    sheet = np.full((2 * HEIGHT + 3 * GAP, len(paths) * (WIDTH + GAP) + GAP, 3), 255, np.uint8)
    for number, (image, values) in enumerate(zip(images, activation)):
        columns = slice(number * (WIDTH + GAP) + GAP, (number + 1) * (WIDTH + GAP))
        sheet[GAP : GAP + HEIGHT, columns] = image
        sheet[2 * GAP + HEIGHT : 2 * GAP + 2 * HEIGHT, columns] = _overlay(image, values)
    return on_sheet(sheet)[0]


def draw_parts(attention: Mapping[str, np.ndarray], gate: np.ndarray) -> Figure:
    """How much each part looks at each other, in each modality, and the parts' weights.

    Args:
        attention: by title, ``(P, P)`` whose rows sum to 1.
        gate: ``(P,)``, sum 1.
    """
    figure = new_figure(330 * (len(attention) + 1), 330)
    *squares, bars = figure.subplots(1, len(attention) + 1)
    for axes, (title, values) in zip(squares, attention.items()):
        image = axes.imshow(values, vmin=0, vmax=values.max(), cmap="Blues")
        axes.set(title=title, xlabel="looks at part", ylabel="part")
        _number_parts(axes, len(gate), both=True)
        if len(gate) <= NUMBERS_UP_TO:
            _write_values(axes, values)
        figure.colorbar(image, ax=axes, shrink=0.8)
    bars.bar(np.arange(len(gate)), gate, color="#3b5bdb")
    bars.set(title="gate", xlabel="part, from the top", ylabel="weight", ylim=(0, None))
    _number_parts(bars, len(gate), both=False)
    return figure


def _overlay(image: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` uint8: the image in grey under ``(h, w)`` activation in colour."""
    span = np.ptp(activation)
    scaled = (activation - activation.min()) / (span if span > 0 else 1)
    size = image.shape[1], image.shape[0]
    smooth = Image.fromarray(scaled.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    colours = colormaps["viridis"](np.asarray(smooth).clip(0, 1))[..., :3] * 255
    grey = image.mean(axis=2, keepdims=True)
    return (0.5 * grey + 0.5 * colours).astype(np.uint8)


def _number_parts(axes: Axes, parts: int, *, both: bool) -> None:
    """Ticks 1 to P, from the top of the person down."""
    places = np.arange(parts)
    axes.set_xticks(places, [str(place + 1) for place in places])
    if both:
        axes.set_yticks(places, [str(place + 1) for place in places])


def _write_values(axes: Axes, values: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > 0.6 * values.max() else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
