from __future__ import annotations

import numpy as np
import pytest

from ddag.data.protocol import exclude_camera, exclude_identity_and_camera, exclude_nothing
from ddag.data.records import Records
from ddag.settings.choices import Modality


def records(identities: list[int], cameras: list[int]) -> Records:
    names = np.array([f"{number}.png" for number in range(len(identities))])
    return Records(names, np.array(identities), np.array(cameras), Modality.visible)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (exclude_nothing, [[0, 0, 0, 0], [0, 0, 0, 0]]),
        (exclude_camera, [[1, 0, 1, 0], [0, 1, 0, 1]]),
        (exclude_identity_and_camera, [[1, 0, 0, 0], [0, 0, 0, 1]]),
    ],
)
def test_a_query_passes_over_what_the_rule_says(rule, expected: list[list[int]]) -> None:
    query = records([7, 8], [1, 2])
    gallery = records([7, 7, 8, 8], [1, 2, 1, 2])
    excluded = rule(query, gallery)
    assert excluded.dtype == bool
    np.testing.assert_array_equal(excluded, np.array(expected, bool))
