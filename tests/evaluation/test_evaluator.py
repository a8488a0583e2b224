from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import SMALL, small
from typed import parse

from ddag.data.records import TestSet
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.evaluation import evaluator as evaluate
from ddag.evaluation import metrics
from ddag.evaluation.evaluator import Evaluator
from ddag.training.parts import build_evaluator


def dataset_at(root: Path, *words: str) -> Dataset[Any]:
    settings = parse(*words, f"dataset.root={root}", *SMALL)
    return open_dataset(settings.dataset, settings.data)


def evaluator(dataset: Dataset[Any], *, batch: int = 8) -> Evaluator:
    words = ("model.part=2", "model.graph=false", f"data.test_batch={batch}")
    method, learner = small("ddag", *words, identities=4)
    return build_evaluator(method, learner.network, dataset, dataset.read_test())


@pytest.fixture(scope="module")
def sysu(tiny_sysu: Path) -> Dataset[Any]:
    return dataset_at(tiny_sysu, "dataset=sysu")


@pytest.fixture(scope="module")
def sysu_test(sysu: Dataset[Any]) -> TestSet:
    return sysu.read_test()


def test_a_query_is_scored_in_both_features(tiny_regdb: Path) -> None:
    result = evaluator(dataset_at(tiny_regdb, "dataset=regdb")).evaluate()
    assert set(result.mean) == {"feat", "feat_att"}
    for scores in result.mean.values():
        assert 0 < scores.mAP < 1
        # A gallery of six identities: every query finds its own among the first twenty images.
        assert scores.cmc[19] > 0.5
    assert result.deviation["feat"].mAP == 0


def test_the_direction_swaps_query_and_gallery_and_their_stems(tiny_regdb: Path) -> None:
    features = []
    for way in ("v2i", "i2v"):
        dataset = dataset_at(tiny_regdb, "dataset=regdb", f"dataset.direction={way}")
        ours, test_set = evaluator(dataset), dataset.read_test()
        features.append((ours.extract(test_set.query), ours.extract(test_set.gallery)))
    (query, gallery), (other_query, other_gallery) = features
    np.testing.assert_array_equal(query["feat"], other_gallery["feat"])
    np.testing.assert_array_equal(gallery["feat"], other_query["feat"])


def test_features_do_not_depend_on_the_batch(tiny_regdb: Path) -> None:
    dataset = dataset_at(tiny_regdb, "dataset=regdb")
    test_set = dataset.read_test()
    one, other = (
        evaluator(dataset, batch=batch).extract(test_set.query)["feat_att"] for batch in (24, 7)
    )
    assert len(one) == len(test_set.query)
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_ten_galleries_give_mean_and_deviation(sysu: Dataset[Any]) -> None:
    ours = evaluator(sysu)
    whole = ours.evaluate()
    each = [ours.evaluate(trials=[trial]).mean["feat"].mAP for trial in range(10)]
    assert whole.mean["feat"].mAP == pytest.approx(np.mean(each))
    assert whole.deviation["feat"].mAP == pytest.approx(np.std(each))
    assert whole.deviation["feat"].mAP > 0


def test_a_gallery_image_is_extracted_once_however_many_galleries_hold_it(
    sysu: Dataset[Any], sysu_test: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = evaluator(sysu)
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


def test_sysu_is_scored_by_its_own_rules(sysu: Dataset[Any], sysu_test: TestSet) -> None:
    ours = evaluator(sysu)
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
    sysu: Dataset[Any], sysu_test: TestSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = evaluator(sysu)
    whole = ours.evaluate(trials=[0]).mean["feat"]
    monkeypatch.setattr(evaluate, "CELLS", 3 * len(sysu_test.trials[0]))
    parts = ours.evaluate(trials=[0]).mean["feat"]
    np.testing.assert_array_equal(whole.cmc, parts.cmc)
    assert (whole.mAP, whole.mINP) == pytest.approx((parts.mAP, parts.mINP))
