"""Generated people in RegDB's layout, read back as RegDB is."""

from __future__ import annotations

import numpy as np

from ddag.datasets.regdb import TRIALS, RegDB
from ddag.people.layout import Labels, Layout, Plan, Shot
from ddag.settings.choices import Modality


def _plan(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
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
            labels_from_0 = {i: label for label, i in enumerate(np.sort(members).tolist())}
            for folder, own in shots.items():
                chosen = [shot for shot in own if shot.identity in labels_from_0]
                borrowed = labels.borrowed(chosen, split=trial) if split == "train" else chosen
                texts[f"idx/{split}_{folder.lower()}_{trial}.txt"] = "".join(
                    f"{shot.path} {labels_from_0[lender.identity]}\n"
                    for shot, lender in zip(chosen, borrowed)
                )
    return Plan(shots["Visible"] + shots["Thermal"], texts)


LAYOUT = Layout("regdb", _plan)


class Synthetic(RegDB):
    """People of our own making; half of them to train on, half to test on."""

    layout = LAYOUT
