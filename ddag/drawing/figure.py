"""Figures without a screen, and the images that stand in them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ddag.data.images import read_images

DPI = 100


def new_figure(width: int, height: int) -> Figure:
    """An empty figure of so many pixels, for plots; it knows no screen and no other figure."""
    figure = Figure(figsize=_inches(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def on_sheet(sheet: np.ndarray) -> tuple[Figure, Axes]:
    """A figure of just the pixels of ``(H, W, 3)`` uint8, and axes in their coordinates."""
    height, width = sheet.shape[:2]
    figure = Figure(figsize=_inches(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    return figure, axes


def to_pixels(figure: Figure) -> np.ndarray:
    """The drawn figure, ``(H, W, 3)`` uint8."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def to_png(pixels: np.ndarray) -> bytes:
    """A PNG file of ``(H, W, 3)`` uint8."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def thumbnails(paths: Sequence[str], *, height: int, width: int) -> np.ndarray:
    """The images, ``(N, height, width, 3)`` uint8.

    Raises:
        InputError: an image cannot be read.
    """
    return np.stack(list(read_images(paths, height=height, width=width)))


def _inches(width: int, height: int) -> tuple[float, float]:
    """A size that is so many pixels however a Matplotlib rounds: some cut 227.99 to 227."""
    return (width + 0.1) / DPI, (height + 0.1) / DPI
