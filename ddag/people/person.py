"""Who a generated person is, and how they are met: shape, colours, reflectance and pose."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What a pixel of the canvas shows; a print follows the garment that it is on."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    HAT = 3
    SHOES = 4
    SHIRT = 5
    UPPER = 6
    UPPER_PRINT = 7
    LOWER = 8
    LOWER_PRINT = 9
    BAG = 10
    BAG_TRIM = 11
    HELD = 12
    HELD_TRIM = 13


# Each lies on the part before it, and has to stand out from it.
PRINTS = (Part.UPPER_PRINT, Part.LOWER_PRINT, Part.BAG_TRIM, Part.HELD_TRIM)


@dataclass(frozen=True)
class Build:
    """A body and its habits; lengths in fractions of the body height, angles in radians."""

    height: float  # of the tallest person
    shoulder: float  # half a width, as waist and hip
    waist: float
    hip: float
    depth: float  # of the width
    leg: float
    limb: float  # half a thickness
    head: float  # half a width
    stance: float  # sideways between hip and foot
    stride: float
    swing: float
    lean: float
    heading: float  # the way most often met: the yaw of a pose


@dataclass(frozen=True)
class Print:
    """What is printed on a garment; lengths in fractions of the body height."""

    kind: str
    period: float
    share: float  # of a period that is printed
    place: float  # below the garment's upper edge


@dataclass(frozen=True)
class Clothes:
    """Cut and print of what is worn; lengths in fractions of the limb that they cover."""

    sleeve: float
    sleeve_contrast: bool  # sleeves in the tone of the print
    open_front: bool
    upper_hem: float  # down the legs
    upper_flare: float
    skirt: bool
    lower_hem: float
    lower_flare: float
    boot: float
    upper_print: Print
    lower_print: Print


@dataclass(frozen=True)
class Extras:
    """Hair, headwear and things carried: a kind each, with a size where it varies."""

    hair: str
    hair_length: float  # body heights below the head's middle
    hat: str
    backpack: float  # 0 for none, else its size; as for the next one
    shoulder_bag: float
    held: str
    held_size: float


@dataclass(frozen=True)
class Person:
    """An identity: the shape that both cameras see and what each of them makes of its parts.

    Attributes:
        build: body and habits.
        clothes: cut and print.
        extras: hair, headwear and things carried.
        colours: ``(parts, 3)`` uint8 RGB, for the visible camera only.
        reflectance: ``(parts,)`` uint8, for the infrared camera only.
        texture: ``(parts,)`` uint8, how coarse each part looks to the infrared camera.
        fade: how much of the prints' contrast the infrared camera misses, 0 to 1.
    """

    build: Build
    clothes: Clothes
    extras: Extras
    colours: np.ndarray
    reflectance: np.ndarray
    texture: np.ndarray
    fade: float = 0.0


@dataclass(frozen=True)
class Pose:
    """How a person is met: turned by ``yaw`` (0 faces the camera), ``phase`` of a step, framed.

    ``scale`` multiplies the person's size, ``right`` and ``down`` shift them by fractions of
    the image.
    """

    yaw: float
    phase: float
    scale: float
    right: float
    down: float


def _pick(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One key, as often as its share of the weights says."""
    shares = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(shares, rng.uniform(0, shares[-1]), side="right"))]


def _random_build(rng: np.random.Generator) -> Build:
    waist = rng.uniform(0.065, 0.125)
    return Build(
        height=rng.uniform(0.84, 1.0),
        shoulder=rng.uniform(0.095, 0.145),
        waist=waist,
        hip=waist + rng.uniform(0.0, 0.035),
        depth=rng.uniform(0.55, 0.8),
        leg=rng.uniform(0.44, 0.54),
        limb=rng.uniform(0.026, 0.042),
        head=rng.uniform(0.048, 0.066),
        stance=rng.uniform(0.0, 0.06),
        stride=rng.uniform(0.2, 0.6),
        swing=rng.uniform(0.1, 0.7),
        lean=rng.uniform(-0.02, 0.08),
        heading=_random_heading(rng),
    )


def _random_heading(rng: np.random.Generator) -> float:
    facing = {"front": 0.0, "left": -1.2, "right": 1.2, "behind": math.pi}
    return facing[_pick(rng, {"front": 5, "left": 2, "right": 2, "behind": 2})]


def _random_print(rng: np.random.Generator, *, plain: float) -> Print:
    kinds = ("rings", "columns", "checks", "dots", "diagonal", "zigzag", "low", "high", "band")
    weights = {"plain": plain, "square": 1.0, "disc": 1.0, **dict.fromkeys(kinds, 1.0)}
    return Print(
        kind=_pick(rng, weights),
        period=rng.uniform(0.06, 0.16),
        share=rng.uniform(0.35, 0.65),
        place=rng.uniform(0.1, 0.24),
    )


def _random_clothes(rng: np.random.Generator) -> Clothes:
    coat, skirt = rng.random() < 0.35, rng.random() < 0.3
    bare = not coat and rng.random() < 0.5
    return Clothes(
        sleeve=float(rng.choice((0.0, 0.4, 0.4))) if bare else 1.0,
        sleeve_contrast=rng.random() < 0.3,
        open_front=rng.random() < (0.4 if coat else 0.15),
        upper_hem=rng.uniform(0.2, 0.8) if coat else rng.uniform(0.0, 0.12),
        upper_flare=rng.uniform(0.0, 0.05),
        skirt=skirt,
        lower_hem=rng.uniform(0.3, 0.9) if skirt or rng.random() < 0.35 else 1.0,
        lower_flare=rng.uniform(0.0, 0.09) if skirt else rng.uniform(0.0, 0.035),
        boot=rng.uniform(0.25, 0.4) if rng.random() < 0.25 else 0.08,
        upper_print=_random_print(rng, plain=0.3),
        lower_print=_random_print(rng, plain=1.0),
    )


def _random_extras(rng: np.random.Generator) -> Extras:
    hair = {"short": 3, "bald": 1, "long": 3, "ponytail": 1, "bun": 1, "round": 1}
    held = {"none": 5, "handbag": 2, "case": 2, "sack": 1, "suitcase": 1, "umbrella": 1}
    return Extras(
        hair=_pick(rng, hair),
        hair_length=rng.uniform(0.07, 0.26),
        hat=_pick(rng, {"none": 5, "cap": 1, "beanie": 1, "brim": 1, "hood": 1}),
        backpack=rng.uniform(0.7, 1.25) if rng.random() < 0.4 else 0.0,
        shoulder_bag=rng.uniform(0.045, 0.09) if rng.random() < 0.25 else 0.0,
        held=_pick(rng, held),
        held_size=rng.uniform(0.8, 1.3),
    )


def _random_colours(rng: np.random.Generator) -> np.ndarray:
    """``(parts, 3)`` uint8: a print and a trim differ clearly in brightness from their ground."""
    colours = np.zeros((len(Part), 3), np.uint8)
    ground = 0.5
    for part in Part:
        value = rng.uniform(0.12, 0.95)
        if part in PRINTS:
            value = ground + rng.uniform(0.35, 0.5) * (1 if ground < 0.5 else -1)
        ground = value
        rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 0.5), value)
        colours[part] = np.multiply(rgb, 255)
    tone = rng.uniform(0.35, 1.0)
    colours[Part.SKIN] = np.multiply((245, 205, 175), tone)
    colours[Part.HAIR] = np.multiply((190, 150, 90), rng.uniform(0.05, 1.0))
    return colours


def _random_reflectance(rng: np.random.Generator) -> np.ndarray:
    """``(parts,)`` uint8: skin is the warmest; a print is brighter or darker than its ground."""
    levels = rng.integers(60, 180, len(Part))
    for part in PRINTS:
        ground = levels[part - 1]
        step = rng.integers(60, 100)
        levels[part] = ground + (step if ground < 120 else -step)
    levels[Part.SKIN] = rng.integers(205, 240)
    levels[Part.BACKGROUND] = 0
    return levels.astype(np.uint8)


def random_person(seed: int, identity: int) -> Person:
    """The person of this number; shape, colours and reflectance are drawn independently."""
    shape, colours, infrared = (
        np.random.default_rng([seed, identity, stream, 0, 1]) for stream in range(3)
    )
    return Person(
        build=_random_build(shape),
        clothes=_random_clothes(shape),
        extras=_random_extras(shape),
        colours=_random_colours(colours),
        reflectance=_random_reflectance(infrared),
        texture=infrared.integers(0, 16, len(Part)).astype(np.uint8),
    )


def random_pose(build: Build, rng: np.random.Generator) -> Pose:
    """Mostly on the person's usual way past the cameras, at times on another."""
    yaw = build.heading if rng.random() < 0.95 else _random_heading(rng)
    cut = rng.uniform(0.04, 0.1) if rng.random() < 0.1 else 0.0
    return Pose(
        yaw=yaw + rng.uniform(-0.3, 0.3),
        phase=rng.uniform(0, 2 * math.pi),
        scale=rng.uniform(0.9, 1.02),
        right=rng.uniform(-0.05, 0.05),
        down=rng.uniform(-0.02, 0.02) + cut,
    )
