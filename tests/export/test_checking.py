"""What is compared of an exported file, and when it counts as equal."""

from __future__ import annotations

import numpy as np

from ddag.export.checking import BATCHES, difference, draw_people
from ddag.settings.choices import Modality


def test_the_largest_difference_of_any_feature_counts() -> None:
    ours = [np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)]
    theirs = [each.copy() for each in ours]
    theirs[1][1, 2] = -0.25
    assert difference(ours, theirs) == 0.25
    assert difference(ours, ours) == 0


def test_what_is_no_number_or_of_another_shape_differs_infinitely() -> None:
    ours = [np.zeros((2, 3), np.float32)]
    assert difference(ours, [np.full((2, 3), np.nan, np.float32)]) == np.inf
    assert difference(ours, [np.zeros((1, 3), np.float32)]) == np.inf
    assert difference(ours, []) == np.inf


def test_the_people_compared_are_as_many_as_the_largest_batch_and_differ() -> None:
    visible, infrared = (draw_people(each, height=64, width=32) for each in Modality)
    assert visible.shape == infrared.shape == (max(BATCHES), 64, 32, 3)
    assert visible.dtype == np.uint8
    assert len({image.tobytes() for image in (*visible, *infrared)}) == 2 * max(BATCHES)
