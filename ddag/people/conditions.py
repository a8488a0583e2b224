"""What the dials make of a person and of each image; at their defaults nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from ddag.people.occluder import Occluder, random_occluder
from ddag.people.person import Person, Pose
from ddag.settings.data import Dials

_DEFAULT = Dials()
# Streams of random numbers, one a dial: turning it leaves what the others draw as it was.
_OCCLUSION, _MISALIGNMENT, _POSE = 4, 5, 6
_SCALE = 0.96  # of a box that fits
_LUMINANCE = (0.299, 0.587, 0.114)  # of R, G and B; ITU-R BT.601


def conditioned(person: Person, dials: Dials) -> Person:
    """The person as all their images show them: how they walk and what infrared sees of them."""
    if dials.pose < _DEFAULT.pose:
        share, build = dials.pose / _DEFAULT.pose, person.build
        still = replace(build, stride=build.stride * share, swing=build.swing * share)
        person = replace(person, build=still)
    if dials.modality_gap < _DEFAULT.modality_gap:
        share = dials.modality_gap / _DEFAULT.modality_gap
        grey = person.colours @ np.array(_LUMINANCE)
        mixed = grey + share * (person.reflectance - grey)
        return replace(person, reflectance=mixed.round().astype(np.uint8))
    fade = (dials.modality_gap - _DEFAULT.modality_gap) / (1 - _DEFAULT.modality_gap)
    return replace(person, fade=fade)


@dataclass(frozen=True)
class Condition:
    """How the dials stand before one image.

    Attributes:
        dials: of all images.
        key: seed, identity, camera and number of this one.
    """

    dials: Dials
    key: tuple[int, int, int, int]

    def pose(self, pose: Pose, heading: float) -> Pose:
        """A pose turned and framed as the dials have it; ``heading`` is the person's usual way."""
        if self.dials.pose != _DEFAULT.pose:
            pose = replace(pose, yaw=self._turned(pose.yaw, heading))
        if self.dials.misalignment != _DEFAULT.misalignment:
            pose = self._misaligned(pose)
        return pose

    def occluder(self) -> Optional[Occluder]:
        """What stands before the person, if anything does."""
        if not self.dials.occlusion:
            return None
        rng = self._rng(_OCCLUSION)
        return random_occluder(rng) if rng.random() < self.dials.occlusion else None

    def _turned(self, yaw: float, heading: float) -> float:
        dial, default = self.dials.pose, _DEFAULT.pose
        if dial < default:
            return heading + (yaw - heading) * dial / default
        rng = self._rng(_POSE)
        anywhere = rng.random() < (dial - default) / (1 - default)
        return rng.uniform(-math.pi, math.pi) if anywhere else yaw

    def _misaligned(self, pose: Pose) -> Pose:
        dial, default = self.dials.misalignment, _DEFAULT.misalignment
        share = dial / default
        right, down = pose.right * share, pose.down * share
        rng = self._rng(_MISALIGNMENT)
        if rng.random() < 0.5 * (dial - default) / (1 - default):
            cut = rng.uniform(0.15, 0.35)
            across, along = ((0, cut), (0, -cut), (cut, 0), (-cut, 0))[rng.integers(4)]
            right, down = right + across, down + along
        scale = _SCALE + (pose.scale - _SCALE) * share
        return replace(pose, scale=scale, right=right, down=down)

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([*self.key, stream])
