"""Generated people in SYSU-MM01's layout, read back as SYSU-MM01 is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ddag.datasets.sysu.dataset import SYSU
from ddag.datasets.sysu.files import INFRARED_CAMERAS, VISIBLE_CAMERAS
from ddag.people.layout import Labels, Layout, Plan, Shot
from ddag.settings.choices import Modality


def _plan(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
    """The real set's shares: three fifths train, a fifth each validation and test."""
    numbers = [1 + i + i // 3 for i in range(identities)]  # with gaps, as in the real set
    order = rng.permutation(numbers).tolist()
    fifth = max(1, identities // 5)
    splits = {"test": order[:fifth], "val": order[fifth : 2 * fifth], "train": order[2 * fifth :]}
    shots = []
    for i in numbers:
        for camera in _cameras(rng, tested=i in splits["test"]):
            modality = Modality.infrared if camera in INFRARED_CAMERAS else Modality.visible
            for n in range(1, images + 1):
                height = int(rng.integers(96, 200))
                size = (int(height * rng.uniform(0.36, 0.5)), height)
                path = f"cam{camera}/{i:04d}/{n:04d}.jpg"
                shots.append(Shot(path, i, camera, n, modality, size))
    texts = {
        f"exp/{name}_id.txt": ",".join(map(str, sorted(members))) + "\n"
        for name, members in splits.items()
    }
    return Plan(_labelled(shots, set(splits["test"]), labels), texts)


def _labelled(shots: list[Shot], tested: set[int], labels: Labels) -> list[Shot]:
    """The same images, those to learn from in the folders that the labels say."""
    training = [shot for shot in shots if shot.identity not in tested]
    paths = {s.path: lender.path for s, lender in zip(training, labels.borrowed(training))}
    return [replace(shot, path=paths.get(shot.path, shot.path)) for shot in shots]


def _cameras(rng: np.random.Generator, *, tested: bool) -> list[int]:
    """Who passes which cameras: at least one of each modality."""
    cameras = {camera for camera in range(1, 7) if rng.random() < 0.8}
    cameras |= {int(rng.choice(VISIBLE_CAMERAS)), int(rng.choice(INFRARED_CAMERAS))}
    if tested:
        # Indoor search looks in cameras 1 and 2, and leaves out 2 for queries of camera 3, which
        # stands at the same place: only camera 1 is sure to give every query a match.
        cameras.add(1)
    return sorted(cameras)


LAYOUT = Layout("sysu", _plan)


class SyntheticSYSU(SYSU):
    """People of our own making before six cameras."""

    layout = LAYOUT
