from __future__ import annotations

import numpy as np
import pytest

from ddag.data.protocol import exclude_nothing
from ddag.data.records import Records
from ddag.evaluation import ranking
from ddag.evaluation.ranking import Comparison, evenly, nearest
from ddag.settings.choices import Modality


def records(identities: list[int], cameras: list[int], modality: Modality) -> Records:
    paths = np.array([f"{modality.value}/{row}.png" for row in range(len(identities))])
    return Records(paths, np.array(identities), np.array(cameras), modality)


def comparison() -> Comparison:
    """Two queries; the first passes over the gallery's first image, which is its own person's."""
    query = records([7, 9], [3, 6], Modality.infrared)
    gallery = records([7, 7, 9, 8], [2, 1, 2, 1], Modality.visible)
    features = np.eye(2, dtype=np.float32)
    return Comparison(
        query,
        gallery,
        {"feat": features},
        {"feat": features[[0, 1, 1, 0]]},
        lambda query, gallery: (query.cameras == 3)[:, None] & (gallery.cameras == 2),
    )


def test_the_nearest_stands_first() -> None:
    assert nearest(np.array([0.3, 0.1, 0.2])).tolist() == [1, 2, 0]


def test_what_a_query_passes_over_is_in_no_ranking() -> None:
    excluded = np.array([False, True, False])
    assert nearest(np.array([0.3, 0.1, 0.2]), excluded=excluded).tolist() == [2, 0]


def test_at_the_same_distance_the_wrong_image_stands_first() -> None:
    right = np.array([True, False, True])
    assert nearest(np.array([0.2, 0.2, 0.1]), right=right).tolist() == [2, 1, 0]


def test_matches_are_the_same_persons_images_that_the_rules_allow() -> None:
    expected = [[False, True, False, False], [False, False, True, False]]
    assert comparison().matches.tolist() == expected


def test_the_distance_is_one_minus_the_cosine() -> None:
    np.testing.assert_array_equal(comparison().distance("feat")[0], [0, 1, 1, 0])


def test_queries_are_chosen_from_all_people_that_have_a_match() -> None:
    query = records([1, 1, 2, 3, 4, 5], [0] * 6, Modality.infrared)
    gallery = records([1, 2, 3, 5], [0] * 4, Modality.visible)
    compared = Comparison(query, gallery, {}, {}, lambda *_: np.zeros((6, 4), bool))
    assert compared.spread_queries(99).tolist() == [0, 2, 3, 5]
    assert compared.spread_queries(2).tolist() == [0, 5]


def test_a_sample_holds_both_modalities_of_its_people() -> None:
    sample = comparison().sample("feat", people=1, images=99)
    assert sample.identities.tolist() == [7, 7, 7]
    assert sample.modalities == [Modality.infrared, Modality.visible, Modality.visible]
    assert sample.paths == ["infrared/0.png", "visible/0.png", "visible/1.png"]
    np.testing.assert_array_equal(sample.features, [[1, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("length", "count", "expected"),
    [(5, 3, [0, 2, 4]), (3, 9, [0, 1, 2]), (4, 1, [0]), (0, 2, [])],
)
def test_evenly_spread_positions(length: int, count: int, expected: list[int]) -> None:
    assert evenly(length, count).tolist() == expected


def test_a_comparison_says_how_hard_it_is() -> None:
    # The first query may find two images, one of them right; the second four, one of them right.
    assert comparison().size() == {
        "identities": 3, "queries": 2, "gallery_images": 4, "chance": (1 / 2 + 1 / 4) / 2,
    }  # fmt: skip


def test_a_query_that_nobody_in_the_gallery_answers_has_no_part_in_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranking, "CELLS", 1)  # a query at a time
    query = records([1, 2, 5], [0] * 3, Modality.infrared)
    gallery = records([1, 1, 2, 3], [0] * 4, Modality.visible)
    compared = Comparison(query, gallery, {}, {}, exclude_nothing)
    assert compared.size()["chance"] == round((2 / 4 + 1 / 4) / 2, 6)
