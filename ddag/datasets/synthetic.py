"""Generated people in RegDB's layout, read back as RegDB is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.datasets.regdb import TRIALS, RegDB
from ddag.people.generate import Layout, Plan, Shot
from ddag.settings.choices import Modality


def _plan(identities: int, images: int, rng: np.random.Generator) -> Plan:
    """Ten random halves of the people to train on, the other halves to test on."""
    shots = {
        folder: [
            Shot(f"{folder}/{i}/{letter}_{n:05d}.bmp", i, camera, n, modality)
            for i in range(1, identities + 1)
            for n in range(1, images + 1)
        ]
        for folder, letter, camera, modality in (
            ("Visible", "v", 1, Modality.visible),
            ("Thermal", "t", 2, Modality.infrared),
        )
    }
    texts = {}
    for trial in TRIALS:
        order = rng.permutation(np.arange(1, identities + 1))
        half = identities // 2
        for split, members in (("train", order[:half]), ("test", order[half:])):
            for folder, own in shots.items():
                name = f"idx/{split}_{folder.lower()}_{trial}.txt"
                texts[name] = _list(own, np.sort(members).tolist())
    return Plan(shots["Visible"] + shots["Thermal"], texts)


def _list(shots: Sequence[Shot], members: Sequence[int]) -> str:
    """A line for each image of these people: its path and the person's label from 0."""
    labels = {identity: label for label, identity in enumerate(members)}
    return "".join(f"{s.path} {labels[s.identity]}\n" for s in shots if s.identity in labels)


LAYOUT = Layout("regdb", _plan)


class Synthetic(RegDB):
    """People of our own making; half of them to train on, half to test on."""

    layout = LAYOUT
