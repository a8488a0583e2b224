"""Generated people in LLCM's layout, read back as LLCM is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.datasets.llcm import CAMERAS, FILE_WORD, LLCM
from ddag.people.layout import Labels, Layout, Plan, Shot
from ddag.settings.choices import Modality


def _plan(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
    """The real set's shares: two thirds train, a third test."""
    order = rng.permutation(np.arange(1, identities + 1)).tolist()
    third = max(2, identities // 3)
    tested, trained = sorted(order[:third]), sorted(order[third:])
    labels_from_0 = {identity: label for label, identity in enumerate(trained)}
    shots: list[Shot] = []
    texts = {"idx/test_id.txt": ",".join(map(str, tested)) + "\n"}
    for modality, word in FILE_WORD.items():
        cameras = CAMERAS[modality]
        passed = {identity: _some(cameras, rng) for identity in range(1, identities + 1)}
        for number, identity in enumerate(tested):
            passed[identity].update(cameras[number::third])  # no camera without a tested person
        taken = [
            _shot(identity, camera, n, modality, identity in tested, rng)
            for identity, own in passed.items()
            for camera in sorted(own)
            for n in range(1, images + 1)
        ]
        training = [shot for shot in taken if shot.identity in labels_from_0]
        texts[f"idx/train_{word}.txt"] = "".join(
            f"{shot.path} {labels_from_0[lender.identity]}\n"
            for shot, lender in zip(training, labels.borrowed(training))
        )
        shots += taken
    return Plan(shots, texts)


def _shot(
    identity: int,
    camera: int,
    number: int,
    modality: Modality,
    tested: bool,
    rng: np.random.Generator,
) -> Shot:
    """One image to take, named by camera, second and frame as in the real set."""
    word = FILE_WORD[modality]
    folder = f"test_{word}/cam{camera}" if tested else word
    second, frame = rng.integers(10**6), rng.integers(10**4)
    name = f"{identity:04d}_c{camera:02d}_s{second:06d}_f{frame:04d}_{word}.jpg"
    height = int(rng.integers(96, 200))
    size = (int(height * rng.uniform(0.36, 0.5)), height)
    # The two cameras of a place share its number; two images must not share their randomness.
    own = camera + 10 * (modality is Modality.infrared)
    return Shot(f"{folder}/{identity:04d}/{name}", identity, own, number, modality, size)


def _some(cameras: Sequence[int], rng: np.random.Generator) -> set[int]:
    """Which cameras a person passes: two at least, so that a query's own is not the only one."""
    return set(rng.permutation(cameras)[: max(2, rng.binomial(len(cameras), 0.4))].tolist())


LAYOUT = Layout("llcm", _plan)


class SyntheticLLCM(LLCM):
    """People of our own making before nine visible and eight infrared cameras."""

    layout = LAYOUT
