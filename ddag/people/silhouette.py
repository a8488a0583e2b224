"""Draws a person in a pose as a map of parts, which is all that the two cameras share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ddag.people.canvas import HEIGHT, WIDTH, Canvas, Point
from ddag.people.person import Part, Person, Pose, Print

_SHOULDER, _CHIN = 0.81, 0.85  # body heights above the ground


def _leg(canvas: Canvas, side: int) -> None:
    build, clothes = canvas.person.build, canvas.person.clothes
    angle = build.stride * math.sin(canvas.pose.phase) * side
    bend = 0.9 * build.stride * max(0.0, -math.cos(canvas.pose.phase) * side)
    half = build.leg / 2
    hip = (side * (build.hip - build.limb) * 0.75, build.leg, 0.0)
    foot_left = hip[0] + side * build.stance
    knee = ((hip[0] + foot_left) / 2, build.leg - half * math.cos(angle), half * math.sin(angle))
    heel_up = max(0.02, knee[1] - half * math.cos(angle - bend))
    ankle = (foot_left, heel_up, knee[2] + half * math.sin(angle - bend))
    toe = (foot_left + side * 0.01, max(0.012, heel_up - 0.012), ankle[2] + 0.07)
    leg, thick = (hip, knee, ankle), build.limb
    canvas.limb(leg, (thick * 1.35, thick, thick * 0.7), Part.SKIN)
    canvas.limb((ankle, toe), (0.028, 0.02), Part.SHOES)
    canvas.limb(_upto(leg[::-1], clothes.boot), (thick * 0.85,) * 3, Part.SHOES)
    if not clothes.skirt:
        cuff = thick * 0.85 + clothes.lower_flare
        widths = (thick * 1.5, max(thick * 1.1, cuff), cuff)
        canvas.limb(_upto(leg, clothes.lower_hem), widths, Part.LOWER)


def _between(start: Point, end: Point, share: float) -> Point:
    a, b, c = (p + (q - p) * share for p, q in zip(start, end))
    return a, b, c


def _upto(joints: Sequence[Point], share: float) -> list[Point]:
    """Three joints along the first ``share`` of a limb of two segments."""
    first, second, third = joints
    if share > 0.5:
        return [first, second, _between(second, third, share * 2 - 1)]
    return [first, _between(first, second, share), _between(first, second, share * 2)]


def _arm(canvas: Canvas, side: int) -> None:
    build, clothes, extras = canvas.person.build, canvas.person.clothes, canvas.person.extras
    angle = -build.swing * math.sin(canvas.pose.phase) * side
    out = side * (0.008 + 0.4 * build.stance)
    shoulder = (side * (build.shoulder - build.limb * 0.6), _SHOULDER - 0.02, 0.0)
    elbow = (shoulder[0] + out, shoulder[1] - 0.16 * math.cos(angle), 0.16 * math.sin(angle))
    bent = angle + 0.25
    hand = (elbow[0], elbow[1] - 0.17 * math.cos(bent), elbow[2] + 0.17 * math.sin(bent))
    thick = build.limb * 0.8
    canvas.limb((shoulder, elbow, hand), (thick, thick * 0.85, thick * 0.7), Part.SKIN)
    if clothes.sleeve:
        sleeve = Part.UPPER_PRINT if clothes.sleeve_contrast else Part.UPPER
        widths = (thick * 1.25, thick * 1.15, thick * 1.05)
        canvas.limb(_upto((shoulder, elbow, hand), clothes.sleeve), widths, sleeve)
    if side > 0 and extras.held != "none":
        _held(canvas, hand)


def _held(canvas: Canvas, hand: Point) -> None:
    """What hangs from a hand, or rolls beside it."""
    kind, size = canvas.person.extras.held, canvas.person.extras.held_size
    left, up, forward = hand
    if kind == "umbrella":
        tip = (left, 0.04, forward + 0.12)
        canvas.limb((hand, tip), (0.022 * size, 0.008), Part.HELD)
    elif kind == "suitcase":
        middle = (left + 0.03, 0.03 + 0.14 * size, forward - 0.12)
        canvas.limb((hand, middle), (0.008, 0.008), Part.HELD_TRIM)
        canvas.box(middle, (0.07 * size, 0.12 * size, 0.1 * size), Part.HELD)
        canvas.box(middle, (0.07 * size, 0.02, 0.1 * size), Part.HELD_TRIM)
    elif kind == "handbag":
        middle = (left + 0.02, up - 0.1 * size, forward)
        canvas.limb((hand, middle), (0.012, 0.03), Part.HELD_TRIM)
        canvas.ball(middle, canvas.radius(0.055, 0.085) * size, 0.055 * size, Part.HELD)
    else:
        high, wide = (0.06, 0.12) if kind == "case" else (0.11, 0.075)
        middle = (left, up - (high + 0.02) * size, forward)
        canvas.box(middle, (0.045 * size, high * size, wide * size), Part.HELD)
        canvas.box(middle, (0.045 * size, 0.018, wide * size), Part.HELD_TRIM)


def _torso(canvas: Canvas) -> None:
    build, clothes = canvas.person.build, canvas.person.clothes
    deep = build.depth
    waist_up = (build.leg + _SHOULDER) / 2
    if clothes.skirt:
        hem, wide = build.leg * (1 - clothes.lower_hem), build.hip + clothes.lower_flare
        top = (build.leg + 0.05, build.waist, build.waist * deep)
        canvas.tube((top, (hem, wide, wide * 0.9)), Part.LOWER)
    hem, wide = build.leg * (1 - clothes.upper_hem) - 0.01, build.hip + clothes.upper_flare
    canvas.tube([(_CHIN, 0.025, 0.03), (_SHOULDER - 0.02, 0.03, 0.03)], Part.SKIN)
    rings = [
        (_SHOULDER + 0.015, build.shoulder * 0.45, 0.04),
        (_SHOULDER - 0.015, build.shoulder, build.shoulder * deep * 0.8),
        (waist_up, build.waist, build.waist * deep),
        (build.leg, build.hip, build.hip * deep),
        (hem, wide, wide * deep),
    ]
    canvas.tube(rings, Part.UPPER)
    if clothes.open_front and canvas.ahead > 0:
        strip = [(_SHOULDER, 0.035, 0.0), (build.leg, 0.03, 0.0), (hem, 0.045, 0.0)]
        canvas.tube(strip, Part.SHIRT, forward=build.waist * deep)


def _load(canvas: Canvas) -> None:
    """What is on the back: a backpack and, over it, hair."""
    if canvas.person.extras.backpack:
        _backpack(canvas)
    _hair_behind(canvas)


def _backpack(canvas: Canvas) -> None:
    size, build = canvas.person.extras.backpack, canvas.person.build
    high, behind = 0.12 * size, -build.waist * build.depth - 0.05 * size
    middle = (0.0, _SHOULDER - 0.02 - high, behind)
    canvas.box(middle, (0.085 * size, high, 0.06 * size), Part.BAG)
    pocket = (0.0, middle[1] - high * 0.45, behind - 0.01)
    canvas.box(pocket, (0.06 * size, high * 0.4, 0.055 * size), Part.BAG_TRIM)


def _straps(canvas: Canvas) -> None:
    """Of a backpack, over the chest; and a bag hung across it, on either side of the body."""
    build, extras = canvas.person.build, canvas.person.extras
    if extras.backpack and canvas.ahead > 0.2:
        for side in (-1, 1):
            top = (side * build.shoulder * 0.55, _SHOULDER + 0.01, 0.03)
            low = (side * build.shoulder * 0.7, _SHOULDER - 0.2, build.waist * build.depth)
            canvas.limb((top, low), (0.013, 0.013), Part.BAG)
    if extras.shoulder_bag:
        size, front = extras.shoulder_bag, math.copysign(build.waist * build.depth, canvas.ahead)
        hip = (-build.hip - 0.01, build.leg + 0.01, 0.0)
        canvas.limb(((build.shoulder * 0.5, _SHOULDER, front), hip), (0.011, 0.011), Part.BAG_TRIM)
        canvas.box(hip, (size * 0.8, size * 0.8, size * 1.2), Part.BAG)


def _hair_behind(canvas: Canvas) -> None:
    wide, extras = canvas.person.build.head, canvas.person.extras
    middle = _CHIN + wide * 1.2
    if extras.hair == "long":
        low = middle - extras.hair_length
        canvas.tube(
            [(middle, wide * 1.2, wide), (low, wide * 1.35, wide * 0.8)],
            Part.HAIR,
            forward=-wide * 0.6,
        )
    elif extras.hair == "ponytail":
        back = -wide * 1.3
        tail = ((0.0, middle + 0.03, back), (0.0, middle - extras.hair_length, back - 0.03))
        canvas.limb(tail, (0.022, 0.03), Part.HAIR)


def _head(canvas: Canvas) -> None:
    wide, extras = canvas.person.build.head, canvas.person.extras
    high = wide * 1.3
    middle = _CHIN + high * 0.9
    if extras.hat == "hood":
        canvas.ball((0.0, middle, -0.01), wide * 1.45, high * 1.25, Part.UPPER)
    elif extras.hair == "round":
        canvas.ball((0.0, middle + 0.02, -0.015), wide * 1.75, high * 1.4, Part.HAIR)
    elif extras.hair == "bun":
        canvas.ball((0.0, middle + high * 1.05, -0.03), wide * 0.55, wide * 0.55, Part.HAIR)
    skull = Part.SKIN if extras.hair == "bald" else Part.HAIR
    canvas.ball((0.0, middle, 0.0), wide * 1.08, high * 1.05, skull)
    if canvas.ahead > -0.4:
        canvas.ball((0.0, middle - high * 0.22, wide * 0.35), wide * 0.85, high * 0.8, Part.SKIN)
    _hat(canvas, middle=middle, wide=wide, high=high)


def _hat(canvas: Canvas, *, middle: float, wide: float, high: float) -> None:
    kind = canvas.person.extras.hat
    brow = middle + high * 0.25
    top = brow + high * (1.1 if kind == "beanie" else 0.8)
    if kind in ("cap", "brim", "beanie"):
        canvas.tube([(brow, wide * 1.2, wide * 1.2), (top, wide * 0.75, wide * 0.75)], Part.HAT)
    if kind == "cap":
        canvas.ball((0.0, brow, wide * 1.3), canvas.radius(wide, wide * 0.9), 0.014, Part.HAT)
    elif kind == "brim":
        canvas.ball((0.0, brow, 0.0), wide * 2.1, 0.018, Part.HAT)
    elif kind == "beanie":
        canvas.ball((0.0, top + 0.012, 0.0), 0.022, 0.022, Part.HAT)


def part_map(person: Person, pose: Pose) -> np.ndarray:
    """``(256, 128)`` uint8 of ``Part``: the shape that both cameras see."""
    canvas = Canvas(person, pose)
    far = 1 if canvas.aside > 0 else -1  # the side away from the camera
    # Seen from the side, the body hides one arm; else both hang before it.
    hidden, shown = ((far,), (-far,)) if abs(canvas.aside) > 0.5 else ((), (far, -far))
    if canvas.ahead > 0:
        _load(canvas)
    for side in hidden:
        _arm(canvas, side)
    for side in (far, -far):
        _leg(canvas, side)
    _torso(canvas)
    _straps(canvas)
    _head(canvas)
    if canvas.ahead <= 0:
        _load(canvas)
    for side in shown:
        _arm(canvas, side)
    return _with_prints(canvas)


def _with_prints(canvas: Canvas) -> np.ndarray:
    """The map of parts, ``(256, 128)`` uint8, with what is printed on the garments."""
    parts = np.array(canvas.image)
    clothes, build = canvas.person.clothes, canvas.person.build
    up = (canvas.ground - np.arange(HEIGHT, dtype=np.float32)[:, None]) / canvas.unit
    across = (np.arange(WIDTH, dtype=np.float32) - canvas.axis) / canvas.unit
    across = across - build.lean * canvas.aside * up  # (256, 128)
    for garment, design, top in (
        (Part.UPPER, clothes.upper_print, _SHOULDER),
        (Part.LOWER, clothes.lower_print, build.leg),
    ):
        if design.kind != "plain":
            printed = _printed(design, across, top - up)
            parts += ((parts == garment) & printed).astype(np.uint8)
    return parts


def _beat(along: np.ndarray) -> np.ndarray:
    """How far into its period each place is, 0 to 1 (np.mod takes four times as long)."""
    return along - np.floor(along)


def _within(across: np.ndarray, below: np.ndarray, radius: float) -> np.ndarray:
    return across * across + below * below < radius * radius


def _printed(design: Print, across: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Where a garment is printed, bool, broadcast from ``(256, 128)`` and ``(256, 1)``.

    Args:
        design: what is printed.
        across: body lengths from the middle of the body.
        below: body lengths below the garment's upper edge.
    """
    period, share, place = design.period, design.share, design.place

    if design.kind == "rings":
        return _beat(below / period) < share
    if design.kind == "columns":
        return _beat(across / period + share / 2) < share
    if design.kind == "checks":
        return (_beat(across / period) < share) ^ (_beat(below / period) < share)
    if design.kind == "diagonal":
        return _beat((across + below) / period) < share
    if design.kind == "zigzag":
        return _beat(below / period + abs(_beat(across / period) - 0.5)) < share
    if design.kind == "dots":
        return _within(_beat(across / period) - 0.5, _beat(below / period) - 0.5, 0.2 + share / 3)
    if design.kind == "disc":
        return _within(across, below - place * 0.7, 0.03 + period / 3)
    if design.kind == "square":
        return np.maximum(abs(across), abs(below - place * 0.7)) < 0.03 + period / 3
    if design.kind == "band":
        return abs(below - place) < 0.02 + period / 4
    return (below > place) == (design.kind == "low")
