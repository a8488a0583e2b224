"""Generated people listed in a table: an example of how any images are described."""

from __future__ import annotations

import numpy as np

from ddag.datasets.csv import Csv
from ddag.datasets.table import COLUMNS, Split
from ddag.people.layout import Labels, Layout, Plan, Shot
from ddag.settings.choices import Modality

_CAMERAS = {
    1: Modality.visible,
    2: Modality.visible,
    3: Modality.infrared,
    4: Modality.infrared,
}
_TEST = {Modality.visible: Split.gallery, Modality.infrared: Split.query}


def _plan(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
    """A random half of the people to train on, the others' infrared images sought in visible."""
    trained = set(rng.permutation(np.arange(1, identities + 1))[: identities // 2].tolist())
    shots = [
        Shot(f"camera{camera}/{i:04d}/{n}.png", i, camera, n, modality)
        for i in range(1, identities + 1)
        for camera, modality in _CAMERAS.items()
        for n in range(1, images + 1)
    ]
    training = [shot for shot in shots if shot.identity in trained]
    labelled = dict(zip(training, (lender.identity for lender in labels.borrowed(training))))
    lines = [",".join(COLUMNS)]
    for shot in shots:
        identity = labelled.get(shot, shot.identity)
        split = Split.train if shot in labelled else _TEST[shot.modality]
        lines.append(f"{shot.path},{identity},{shot.camera},{shot.modality.value},{split.value}")
    return Plan(shots, {"table.csv": "\n".join(lines) + "\n"})


LAYOUT = Layout("csv", _plan)


class SyntheticCsv(Csv):
    """People of our own making before two visible and two infrared cameras."""

    layout = LAYOUT
