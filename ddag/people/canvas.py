"""The canvas that a generated person's parts are drawn on, in lengths of their body."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from ddag.people.person import Part, Person, Pose

# Twice the usual size of an image, which smooths the parts' edges when they are scaled down.
WIDTH, HEIGHT = 128, 256
_TALLEST = 232.0  # canvas pixels from the ground to the top of the tallest head

Point = tuple[float, float, float]  # body lengths: to the person's left, up, ahead of them


class Canvas:
    """A canvas on which one person's parts are drawn, turned and framed by one pose."""

    def __init__(self, person: Person, pose: Pose) -> None:
        self.person = person
        self.pose = pose
        self.unit = _TALLEST * person.build.height * pose.scale
        self.axis = WIDTH * (0.5 + pose.right)
        self.ground = HEIGHT * (0.97 + pose.down)
        self.ahead, self.aside = math.cos(pose.yaw), math.sin(pose.yaw)
        self.image = Image.new("L", (WIDTH, HEIGHT), Part.BACKGROUND)
        self.pen = ImageDraw.Draw(self.image)

    def at(self, point: Point) -> tuple[float, float]:
        """Canvas pixels of a point on the person."""
        left, up, forward = point
        forward += self.person.build.lean * up
        across = left * self.ahead + forward * self.aside
        return self.axis + self.unit * across, self.ground - self.unit * up

    def radius(self, wide: float, deep: float) -> float:
        """Half the width seen of an ellipse around an upright axis, in body lengths."""
        return math.hypot(wide * self.ahead, deep * self.aside)

    def limb(self, joints: Sequence[Point], widths: Sequence[float], part: Part) -> None:
        """A tapering arm or leg through its joints; ``widths`` are half thicknesses at them."""
        points = [self.at(joint) for joint in joints]
        for (x, y), width in zip(points, widths):
            r = width * self.unit
            self.pen.ellipse((x - r, y - r, x + r, y + r), fill=part)
        for (x, y), (u, v), width, next_width in zip(points, points[1:], widths, widths[1:]):
            length = math.hypot(u - x, v - y) or 1.0
            across, along = (v - y) / length * self.unit, (x - u) / length * self.unit
            w, n = width, next_width
            corners = [
                (x + across * w, y + along * w),
                (u + across * n, v + along * n),
                (u - across * n, v - along * n),
                (x - across * w, y - along * w),
            ]
            self.pen.polygon(corners, fill=part)

    def tube(
        self, rings: Sequence[tuple[float, float, float]], part: Part, *, forward: float = 0.0
    ) -> None:
        """A body around an upright axis, through rings of (up, half width, half depth)."""
        left, right = [], []
        for up, wide, deep in rings:
            x, y = self.at((0.0, up, forward))
            r = self.radius(wide, deep) * self.unit
            left.append((x - r, y))
            right.append((x + r, y))
        self.pen.polygon(left + right[::-1], fill=part)

    def ball(self, centre: Point, wide: float, high: float, part: Part) -> None:
        """An ellipse of these half axes, in body lengths."""
        x, y = self.at(centre)
        w, h = wide * self.unit, high * self.unit
        self.pen.ellipse((x - w, y - h, x + w, y + h), fill=part)

    def box(self, centre: Point, half: Point, part: Part) -> None:
        """A box of these half sizes, turned with the person."""
        x, y = self.at(centre)
        w, h = self.radius(half[0], half[2]) * self.unit, half[1] * self.unit
        self.pen.rectangle((x - w, y - h, x + w, y + h), fill=part)
