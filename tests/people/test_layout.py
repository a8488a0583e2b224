from __future__ import annotations

import numpy as np
import pytest

from ddag.people.layout import Labels, Shot
from ddag.settings.choices import Modality

SHOTS = [
    Shot(f"{camera}/{i}_{n}.png", i, camera, n, modality)
    for camera, modality in ((1, Modality.visible), (3, Modality.infrared))
    for i in range(1, 21)
    for n in range(1, 6)
]


def wrong(noise: float, *, seed: int = 0, split: int = 0) -> list[int]:
    borrowed = Labels(noise, seed).borrowed(SHOTS, split=split)
    return [
        k for k, (s, lender) in enumerate(zip(SHOTS, borrowed)) if lender.identity != s.identity
    ]


def test_without_noise_every_image_bears_its_own_label() -> None:
    assert Labels().borrowed(SHOTS) == SHOTS


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3, 0.5, 0.9, 1.0])
def test_exactly_the_share_of_each_modality_bears_somebody_elses_label(noise: float) -> None:
    modalities = [SHOTS[k].modality for k in wrong(noise)]
    assert all(modalities.count(each) == round(noise * 100) for each in Modality)


def test_labels_are_exchanged_within_a_modality_so_that_everyone_keeps_as_many_images() -> None:
    borrowed = Labels(0.7, 1).borrowed(SHOTS)
    assert sorted(s.path for s in borrowed) == sorted(s.path for s in SHOTS)
    assert all(s.modality is lender.modality for s, lender in zip(SHOTS, borrowed))


def test_more_noise_makes_further_labels_wrong_and_mends_none() -> None:
    assert set(wrong(0.1)) < set(wrong(0.3)) < set(wrong(0.8))


def test_labels_repeat_by_seed_and_split() -> None:
    assert wrong(0.3) == wrong(0.3)
    assert wrong(0.3) != wrong(0.3, seed=1)
    assert wrong(0.3, split=1) != wrong(0.3, split=2)


def test_wrong_labels_are_spread_over_many_people() -> None:
    borrowed = Labels(1.0, 0).borrowed(SHOTS)
    of_first = {lender.identity for s, lender in zip(SHOTS, borrowed) if s.identity == 1}
    assert len(of_first) >= 5


@pytest.mark.parametrize("people", [1, 2, 3])
def test_who_finds_nobody_to_exchange_with_keeps_the_own_label(people: int) -> None:
    few = [shot for shot in SHOTS if shot.identity <= people and shot.camera == 1]
    for noise in np.linspace(0, 1, 11):
        borrowed = Labels(float(noise), 0).borrowed(few)
        assert sorted(s.path for s in borrowed) == sorted(s.path for s in few)
