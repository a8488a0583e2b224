"""The images that a visible and an infrared camera take of a generated person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ddag.people.canvas import HEIGHT, WIDTH
from ddag.people.conditions import Condition
from ddag.people.occluder import Occluder
from ddag.people.person import PRINTS, Person, Pose, random_pose
from ddag.people.silhouette import part_map
from ddag.settings.choices import Modality


def _background(shade: Callable[[], tuple[int, ...]], rng: np.random.Generator) -> Image.Image:
    """A wall, things before it and a floor, each in a ``shade`` of its own, on the canvas."""
    width, height = WIDTH // 2, HEIGHT // 2
    image = Image.new("RGB", (width, height), shade())
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 7))):
        x, y = int(rng.integers(-10, width)), int(rng.integers(-20, height - 30))
        w, h = int(rng.integers(3, 36)), int(rng.integers(5, 80))
        shape = pen.ellipse if rng.random() < 0.2 else pen.rectangle
        shape((x, y, x + w, y + h), fill=shade())
    left = height * rng.uniform(0.6, 0.95)
    right = left + rng.uniform(-9, 9)
    pen.polygon([(0, left), (width, right), (width, height), (0, height)], fill=shade())
    return image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)


def _smooth(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """``(H, W)`` float32 of slow random changes, about -1 to 1: folds of cloth, uneven light."""
    coarse = rng.uniform(-1.0, 1.0, (9, 5)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def visible_image(
    person: Person,
    pose: Pose,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    occluder: Optional[Occluder] = None,
) -> Image.Image:
    """The person in colour, in a street and a light that are the image's own.

    Args:
        person: who is seen.
        pose: turned and framed so.
        size: width and height in pixels.
        rng: of this image.
        occluder: what stands before the person.
    """

    def shade() -> tuple[int, ...]:
        """Of a street: any brightness, little colour."""
        return tuple((rng.uniform(30, 225) + rng.uniform(-28, 28, 3)).astype(int).tolist())

    parts = part_map(person, pose)
    scene = _background(shade, rng)
    if occluder:
        occluder.hide(parts)
        occluder.paste(scene)
    scene.paste(Image.fromarray(person.colours[parts]), mask=_silhouette(parts))
    levels = np.asarray(scene.resize(size, Image.Resampling.BOX), np.float32)  # (H, W, 3)
    light = rng.uniform(0.55, 1.25) * (1 + 0.12 * _smooth(rng, size))
    light *= 1 + rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, size[0], dtype=np.float32)
    tint = rng.uniform(0.75, 1.25, 3).astype(np.float32)  # of sky, lamps and white balance
    noise = rng.standard_normal(levels.shape, np.float32) * np.float32(rng.uniform(2, 6))
    return _image(levels * (light[..., None] * tint) + noise)


def infrared_image(
    person: Person,
    pose: Pose,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    occluder: Optional[Occluder] = None,
) -> Image.Image:
    """The person in grey (three equal channels), warm before a cool background; else as above."""

    def shade() -> tuple[int, ...]:
        return (int(rng.integers(8, 60)),) * 3

    parts = part_map(person, pose)
    scene = _background(shade, rng).convert("L")
    if occluder:
        occluder.hide(parts)
        occluder.paste(scene)
    silhouette = _silhouette(parts)
    # Cloth warms and cools with the sun and the wearer's pace: levels differ by image, too.
    heat = rng.normal(0, 18, len(person.reflectance)) + person.reflectance
    heat = _faded(heat, person.fade)
    scene.paste(Image.fromarray(heat.clip(25, 250).astype(np.uint8)[parts]), mask=silhouette)
    levels = np.asarray(scene.resize(size, Image.Resampling.BOX), np.float32)  # (H, W)
    core = silhouette.reduce(16).resize(size, Image.Resampling.BILINEAR)
    warmth = 0.75 + np.asarray(core, np.float32) / 1020  # limbs and edges are cooler
    coarse = _faded(person.texture, person.fade)
    texture = Image.fromarray(coarse[parts]).resize(size, Image.Resampling.NEAREST)
    levels = levels * warmth * (rng.uniform(0.85, 1.15) + 0.08 * _smooth(rng, size))
    grain = np.asarray(texture, np.float32) + np.float32(rng.uniform(2, 6))
    noise = rng.standard_normal(levels.shape, np.float32) * grain
    grey = _image(levels + noise + np.float32(rng.uniform(-8, 12)))
    return grey.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.8))).convert("RGB")


def _faded(levels: np.ndarray, fade: float) -> np.ndarray:
    """The ``(parts,)`` levels, those of the prints drawn by ``fade`` towards their grounds'."""
    if not fade:
        return levels
    faded = levels.astype(np.float32)
    for part in PRINTS:
        faded[part] += fade * (faded[part - 1] - faded[part])
    return faded.astype(levels.dtype)


def _silhouette(parts: np.ndarray) -> Image.Image:
    """A mask, 255 where the person is."""
    return Image.fromarray((parts > 0).astype(np.uint8) * 255)


def _image(levels: np.ndarray) -> Image.Image:
    """An image of ``(H, W)`` or ``(H, W, 3)`` levels around 0 to 255."""
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def take_image(
    person: Person,
    modality: Modality,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    condition: Optional[Condition] = None,
) -> Image.Image:
    """An RGB image of the person in a random pose.

    Args:
        person: who is seen.
        modality: which camera takes it.
        size: width and height in pixels.
        rng: of this image.
        condition: how the dials stand; None: at their defaults.
    """
    camera = visible_image if modality is Modality.visible else infrared_image
    pose = random_pose(person.build, rng)
    if condition is None:
        return camera(person, pose, size, rng)
    pose = condition.pose(pose, person.build.heading)
    return camera(person, pose, size, rng, occluder=condition.occluder())
