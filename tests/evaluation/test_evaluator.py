from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddag.data.records import TestSet
from ddag.datasets import regdb
from ddag.datasets.sysu import protocol as sysu_protocol
from ddag.evaluation import evaluator as evaluate
from ddag.evaluation import metrics
from ddag.evaluation.evaluator import REGDB, SYSU, Evaluator, Protocol
from ddag.model.initial import initialise
from ddag.model.network import DDAG


def evaluator(test_set: TestSet, protocol: Protocol, *, batch: int = 8) -> Evaluator:
    network = DDAG(4, backbone="resnet18", part=2, graph=False, low_dim=8, heads=2, height=64)
    initialise(network, seed=0)
    return Evaluator(network, test_set, protocol=protocol, height=64, width=32, batch=batch)


@pytest.fixture(scope="module")
def sysu_test(tiny_sysu: Path) -> TestSet:
    return sysu_protocol.read_test(tiny_sysu, search="all", shots=1)


def test_a_query_is_scored_in_both_features(tiny_regdb: Path) -> None:
    test_set = regdb.read_test(tiny_regdb, trial=1, direction="v2i")
    result = evaluator(test_set, REGDB).evaluate()
    assert set(result.mean) == {"feat", "feat_att"}
    for scores in result.mean.values():
        assert 0 < scores.mAP < 1
        # A gallery of six identities: every query finds its own among the first twenty images.
        assert scores.cmc[19] > 0.5
    assert result.deviation["feat"].mAP == 0


def test_the_direction_swaps_query_and_gallery_and_their_stems(tiny_regdb: Path) -> None:
    sets = [regdb.read_test(tiny_regdb, trial=1, direction=way) for way in ("v2i", "i2v")]
    features = []
    for test_set in sets:
        ours = evaluator(test_set, REGDB)
        features.append((ours.extract(test_set.query), ours.extract(test_set.gallery)))
    (query, gallery), (other_query, other_gallery) = features
    np.testing.assert_array_equal(query["feat"], other_gallery["feat"])
    np.testing.assert_array_equal(gallery["feat"], other_query["feat"])


def test_features_do_not_depend_on_the_batch(tiny_regdb: Path) -> None:
    test_set = regdb.read_test(tiny_regdb, trial=1, direction="v2i")
    one, other = (
        evaluator(test_set, REGDB, batch=batch).extract(test_set.query)["feat_att"]
        for batch in (24, 7)
    )
    assert len(one) == len(test_set.query)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_ten_galleries_give_mean_and_deviation(sysu_test: TestSet) -> None:
    ours = evaluator(sysu_test, SYSU)
    whole = ours.evaluate()
    each = [ours.evaluate(trials=[trial]).mean["feat"].mAP for trial in range(10)]
    assert whole.mean["feat"].mAP == pytest.approx(np.mean(each))
    assert whole.deviation["feat"].mAP == pytest.approx(np.std(each))
    assert whole.deviation["feat"].mAP > 0


def test_a_gallery_image_is_extracted_once_however_many_galleries_hold_it(
    sysu_test: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = evaluator(sysu_test, SYSU)
    extracted: list[str] = []
    extract = ours.extract

    def spy(records, *rest):
        extracted.extend(records.paths)
        return extract(records, *rest)

    monkeypatch.setattr(ours, "extract", spy)
    ours.evaluate()
    held = np.unique(np.concatenate(sysu_test.trials))
    assert len(held) < sum(map(len, sysu_test.trials))
    assert len(extracted) == len(set(extracted)) == len(sysu_test.query) + len(held)


def test_sysu_is_scored_by_its_own_rules(sysu_test: TestSet) -> None:
    ours = evaluator(sysu_test, SYSU)
    query, gallery = sysu_test.query, sysu_test.gallery.select(sysu_test.trials[0])
    distance = -ours.extract(query)["feat"] @ ours.extract(gallery)["feat"].T
    expected = metrics.score(
        distance,
        query.identities,
        gallery.identities,
        excluded=(query.cameras == 3)[:, None] & (gallery.cameras == 2),
        cmc_counts="identities",
    )
    assert ours.evaluate(trials=[0]).mean["feat"].as_dict() == expected.as_dict()


def test_scores_do_not_depend_on_how_many_queries_are_ranked_at_a_time(
    sysu_test: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = evaluator(sysu_test, SYSU)
    whole = ours.evaluate(trials=[0]).mean["feat"]
    monkeypatch.setattr(evaluate, "CELLS", 3 * len(sysu_test.trials[0]))
    parts = ours.evaluate(trials=[0]).mean["feat"]
    np.testing.assert_array_equal(whole.cmc, parts.cmc)
    assert (whole.mAP, whole.mINP) == pytest.approx((parts.mAP, parts.mINP))
