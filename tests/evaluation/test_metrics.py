from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
import pytest

from ddag.data.protocol import Protocol, exclude_identity_and_camera
from ddag.data.records import Records
from ddag.datasets.llcm import LLCM
from ddag.datasets.regdb import RegDB
from ddag.datasets.sysu.dataset import SYSU
from ddag.evaluation import metrics
from ddag.evaluation.metrics import Scores, score
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality

REFERENCE = Path(__file__).parents[1] / "reference"


def score_by_loop(
    distance: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    excluded: Optional[np.ndarray] = None,
    cmc_counts: str = "images",
) -> Scores:
    """The definitions, one query at a time."""
    cmcs, precisions, inverses = [], [], []
    for row, identity in enumerate(query_identities):
        seen = np.ones(len(gallery_identities), bool) if excluded is None else ~excluded[row]
        wrong = gallery_identities != identity
        order = np.lexsort((~wrong, distance[row]))  # at a tie the wrong image comes first
        ranking = gallery_identities[order[seen[order]]]
        if identity not in ranking:
            continue
        ranks = np.flatnonzero(ranking == identity) + 1
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        inverses.append(len(ranks) / ranks[-1])
        passed = ranking[: ranks[0] - 1]
        place = len(set(passed)) if cmc_counts == "identities" else len(passed)
        cmcs.append(np.arange(20) >= place)
    return Scores(np.mean(cmcs, axis=0), float(np.mean(precisions)), float(np.mean(inverses)))


def assert_same(ours: Scores, theirs: Scores) -> None:
    np.testing.assert_allclose(ours.cmc, theirs.cmc, rtol=0, atol=1e-12)
    assert ours.mAP == pytest.approx(theirs.mAP, abs=1e-12)
    assert ours.mINP == pytest.approx(theirs.mINP, abs=1e-12)


def reference(name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    with np.load(REFERENCE / f"metrics_{name}.npz") as file:
        case = dict(file)
    return case, -case["query_feat"] @ case["gallery_feat"].T


def sides(case: dict[str, np.ndarray]) -> tuple[Records, Records]:
    """Query and gallery of a recorded case."""
    query, gallery = (
        Records(case[f"{side}_ids"].astype(str), case[f"{side}_ids"], case[f"{side}_cams"], kind)
        for side, kind in (("query", Modality.infrared), ("gallery", Modality.visible))
    )
    return query, gallery


def score_by(protocol: Protocol, case: dict[str, np.ndarray], distance: np.ndarray) -> Scores:
    """Scores by the rules of a data set."""
    query, gallery = sides(case)
    excluded = protocol.excluded(query, gallery)
    return score(
        distance,
        query.identities,
        gallery.identities,
        excluded=excluded,
        cmc_counts=protocol.cmc_counts,
    )


def assert_recorded(ours: Scores, case: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(ours.cmc, case["cmc"], rtol=0, atol=1e-6)
    assert ours.mAP == pytest.approx(float(case["mAP"]), abs=1e-6)
    assert ours.mINP == pytest.approx(float(case["mINP"]), abs=1e-6)


def test_regdb_scores_equal_the_originals() -> None:
    case, distance = reference("regdb")
    assert_recorded(score_by(RegDB.protocol, case, distance), case)


def test_the_originals_rule_passes_over_nothing_where_query_and_gallery_share_no_camera() -> None:
    query, gallery = sides(reference("regdb")[0])
    assert not exclude_identity_and_camera(query, gallery).any()
    assert not RegDB.protocol.excluded(query, gallery).any()


def test_sysu_scores_equal_the_originals() -> None:
    case, distance = reference("sysu")
    assert_recorded(score_by(SYSU.protocol, case, distance), case)


def test_llcm_scores_equal_the_originals() -> None:
    case, distance = reference("llcm")
    assert_recorded(score_by(LLCM.protocol, case, distance), case)


def test_scores_equal_the_worked_example() -> None:
    distance = np.arange(7.0)[None]  # positives at ranks 1, 3 and 6
    ours = score(distance, np.array([5]), np.array([5, 1, 5, 2, 3, 5, 4]))
    assert ours.mAP == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)
    assert ours.mINP == pytest.approx(3 / 6)
    assert ours.as_dict()["rank1"] == 1.0


def test_cmc_of_identities_counts_a_passed_identity_once() -> None:
    distance, gallery = np.arange(5.0)[None], np.array([1, 1, 1, 2, 5])
    assert score(distance, np.array([5]), gallery).cmc[3:5].tolist() == [0.0, 1.0]
    by_identity = score(distance, np.array([5]), gallery, cmc_counts="identities")
    assert by_identity.cmc[1:3].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("cmc_counts", ["images", "identities"])
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize(("queries", "images", "people"), [(60, 300, 12), (40, 7, 5), (9, 90, 90)])
def test_scores_equal_a_loop_over_queries(
    queries: int,
    images: int,
    people: int,
    exclude: bool,
    cmc_counts: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_BLOCK_CELLS", 4 * images)  # several blocks
    generator = np.random.default_rng(queries)
    query, gallery = (
        generator.integers(people, size=queries),
        generator.integers(people, size=images),
    )
    # Few distinct distances: ties everywhere.
    distance = generator.integers(8, size=(queries, images)).astype(np.float32)
    excluded = generator.random(distance.shape) < 0.4 if exclude else None
    ours = score(distance, query, gallery, excluded=excluded, cmc_counts=cmc_counts)
    assert_same(ours, score_by_loop(distance, query, gallery, excluded, cmc_counts))


def test_an_identity_with_hundreds_of_images_is_scored() -> None:
    generator = np.random.default_rng(0)
    gallery = np.repeat([1, 2], [400, 300])
    distance = generator.random((3, 700))
    query = np.array([1, 2, 1])
    assert_same(score(distance, query, gallery), score_by_loop(distance, query, gallery))


def test_equal_distances_never_help_whatever_the_gallerys_order() -> None:
    query, gallery = np.array([1]), np.array([1, 2, 3, 4])
    for order in (gallery, gallery[::-1]):
        same_everywhere = score(np.zeros((1, 4)), query, order)
        assert same_everywhere.cmc[:4].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_a_gallery_smaller_than_the_largest_rank_repeats_its_last_value() -> None:
    ours = score(np.array([[0.0, 1.0, 2.0]]), np.array([8]), np.array([7, 8, 9]))
    assert ours.cmc.shape == (20,)
    assert ours.cmc.tolist() == [0.0] + [1.0] * 19


def test_a_query_without_a_match_does_not_count() -> None:
    distance = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    excluded = np.zeros((3, 2), bool)
    excluded[2, 0] = True  # the third query's only positive
    ours = score(distance, np.array([1, 99, 1]), np.array([1, 2]), excluded=excluded)
    assert ours == Scores(ours.cmc, 1.0, 1.0)
    assert ours.cmc.tolist() == [1.0] * 20


@pytest.mark.parametrize("gallery", [np.array([3, 4]), np.array([], np.int64)])
def test_no_match_at_all_is_refused(gallery: np.ndarray) -> None:
    with pytest.raises(InputError, match="no query has an image"):
        score(np.zeros((1, len(gallery))), np.array([1]), gallery)


def test_all_matches_excluded_is_refused() -> None:
    with pytest.raises(InputError, match="no query has an image"):
        score(np.zeros((1, 2)), np.array([1]), np.array([1, 2]), excluded=np.array([[True, False]]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_diverged_features_are_refused_rather_than_scored(value: float) -> None:
    with pytest.raises(InputError, match="diverged"):
        score(np.array([[value, 1.0]]), np.array([1]), np.array([1, 2]))


def test_the_callers_distances_are_left_alone() -> None:
    distance = np.random.default_rng(0).random((4, 6))
    before = distance.copy()
    score(distance, np.arange(4) % 2, np.arange(6) % 2, excluded=distance < 0.1)
    np.testing.assert_array_equal(distance, before)


def test_as_dict_names_the_scores_of_papers() -> None:
    named = Scores(np.linspace(0.05, 1, 20), 0.3, 0.2).as_dict()
    assert list(named) == ["rank1", "rank5", "rank10", "rank20", "mAP", "mINP"]
    assert list(named.values()) == pytest.approx([0.05, 0.25, 0.5, 1.0, 0.3, 0.2])
    assert all(type(value) is float for value in named.values())


def test_trials_are_averaged_score_by_score() -> None:
    mean, std = metrics.mean_and_std(
        [Scores(np.full(20, 0.2), 0.4, 0.1), Scores(np.full(20, 0.6), 0.5, 0.1)]
    )
    assert mean.as_dict()["rank5"] == pytest.approx(0.4)
    assert (mean.mAP, mean.mINP) == pytest.approx((0.45, 0.1))
    assert std.as_dict()["rank5"] == pytest.approx(0.2)
    assert (std.mAP, std.mINP) == pytest.approx((0.05, 0.0))
