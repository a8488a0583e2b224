"""The scores of an evaluation against a straightforward loop over the queries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Callable, Literal, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from benchmarks.turns import Prepare, Turn, take_turns
from ddag.data.records import Records, TestSet
from ddag.evaluation import metrics
from ddag.evaluation.ranking import Features
from ddag.settings.choices import Modality

CHANNELS = 2048
Counts = Literal["images", "identities"]
Score = Callable[..., metrics.Scores]
SYSU = {"queries": 3803, "gallery": 301, "galleries": 10, "people": 96}
REGDB = {"queries": 2060, "gallery": 2060, "galleries": 1, "people": 206}


def score_by_loop(
    distance: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    *,
    excluded: np.ndarray,
    cmc_counts: Counts,
) -> metrics.Scores:
    """The definitions by a walk down each query's ranking; arguments as ``metrics.score``'s."""
    cmc, precisions, inverses = np.zeros(metrics.RANKS), [], []
    gallery = gallery_identities.tolist()
    for row, identity in enumerate(query_identities.tolist()):
        cells = zip(distance[row].tolist(), gallery, excluded[row].tolist())
        # At a tie the wrong image comes first.
        ranking = sorted((far, found == identity, found) for far, found, out in cells if not out)
        hits, passed, precision = 0, [], 0.0
        for rank, (_, hit, found) in enumerate(ranking, 1):
            if hit:
                hits, last = hits + 1, rank
                precision += hits / rank
            elif not hits:
                passed.append(found)
        if hits:
            precisions.append(precision / hits)
            inverses.append(hits / last)
            place = len(set(passed)) if cmc_counts == "identities" else len(passed)
            cmc[place:] += 1
    count = len(precisions)
    return metrics.Scores(cmc / count, sum(precisions) / count, sum(inverses) / count)


def score_by_sorts(
    distance: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    *,
    excluded: np.ndarray,
    cmc_counts: Counts,
) -> metrics.Scores:
    """The same with NumPy for each query's ranking, still one query at a time."""
    cmcs, precisions, inverses = [], [], []
    for row, identity in enumerate(query_identities):
        order = np.lexsort((gallery_identities == identity, distance[row]))
        ranking = gallery_identities[order[~excluded[row][order]]]
        ranks = np.flatnonzero(ranking == identity) + 1
        if not len(ranks):
            continue
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        inverses.append(len(ranks) / ranks[-1])
        passed = ranking[: ranks[0] - 1]
        place = len(set(passed)) if cmc_counts == "identities" else len(passed)
        cmcs.append(np.arange(metrics.RANKS) >= place)
    cmc = np.mean(cmcs, axis=0)
    return metrics.Scores(cmc, float(np.mean(precisions)), float(np.mean(inverses)))


def features(count: int, identities: np.ndarray, seed: int) -> np.ndarray:
    """Random directions, nearer within an identity."""
    centres = np.random.default_rng(0).normal(size=(identities.max() + 1, CHANNELS))
    noise = np.random.default_rng(seed).normal(size=(count, CHANNELS))
    found = (0.05 * centres[identities] + noise).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def measure() -> list[Row]:
    """Scores of an evaluation against a loop over the queries"""
    rows = compare("SYSU-MM01, 3,803 x 301 x ten galleries, feat and feat_att", SYSU, "identities")
    rows += compare("RegDB, 2,060 x 2,060, feat and feat_att", REGDB, "images")
    return rows + memory(100_000, queries=3803)


class Case(NamedTuple):
    """Distances of both features in each gallery, and what they are scored by."""

    query: np.ndarray  # (Q,) identities
    gallery: np.ndarray  # (G,)
    excluded: np.ndarray  # (Q, G)
    distances: Sequence[np.ndarray]  # (Q, G) each

    @classmethod
    def draw(cls, size: Mapping[str, int], generator: np.random.Generator) -> Case:
        """One of ``size``; queries pass over what SYSU-MM01's do."""
        query = np.arange(size["queries"]) % size["people"]
        gallery = np.arange(size["gallery"]) % size["people"]
        cameras = generator.choice([3, 6], len(query)), generator.choice([1, 2, 4, 5], len(gallery))
        distances = [
            -features(len(query), query, 1 + number)
            @ features(len(gallery), gallery, 100 + number).T
            for number in range(2 * size["galleries"])
        ]
        excluded = (cameras[0] == 3)[:, None] & (cameras[1] == 2)
        return cls(query, gallery, excluded, distances)

    def of(self, rows: np.ndarray) -> Case:
        """The same of some of the queries."""
        distances = [each[rows] for each in self.distances]
        return Case(self.query[rows], self.gallery, self.excluded[rows], distances)

    def scores(self, score: Score, counts: Counts) -> list[metrics.Scores]:
        """In each gallery by each feature."""
        return [
            score(each, self.query, self.gallery, excluded=self.excluded, cmc_counts=counts)
            for each in self.distances
        ]


def compare(title: str, size: Mapping[str, int], counts: Counts, *, rounds: int = 5) -> list[Row]:
    """Both on the distances of both features, turn by turn; the loop takes some of the queries."""
    generator = np.random.default_rng(0)
    case = Case.draw(size, generator)
    count = max(10, len(case.query) // 20)
    some = case.of(generator.permutation(len(case.query))[:count])
    share = len(case.query) / len(some.query)
    contestants: dict[str, tuple[Score, Case, float]] = {
        "framework": (metrics.score, case, 1),
        "loop": (score_by_loop, some, share),
        "loop of NumPy's sorts": (score_by_sorts, some, share),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (score, scored, scale) in contestants.items():
            start = time.perf_counter()
            scored.scores(score, counts)
            seconds[name].append(scale * (time.perf_counter() - start))
    framework, *loops = seconds.values()
    faster, beside_sorts = (median(b / a for a, b in zip(framework, each)) for each in loops)
    listed = ", ".join(f"{name} {median(each):.3g} s" for name, each in seconds.items())
    same = _same(*(some.scores(score, counts) for score, _, _ in contestants.values()))
    return [
        Row.at_least(f"{title}: loop / framework", faster, 20),
        Row("loop of NumPy's sorts / framework", f"{beside_sorts:.3g}"),
        Row(f"times; the loops' by {count} of the queries", listed),
        Row("same scores", "yes" if same else "no", "yes", same),
    ]


def _same(ours: Sequence[metrics.Scores], *others: Sequence[metrics.Scores]) -> bool:
    """Whether the scores of each gallery are the same, whoever found them."""
    return all(_close(one, other) for each in others for one, other in zip(ours, each))


def _close(one: metrics.Scores, other: metrics.Scores) -> bool:
    return bool(
        np.allclose(one.cmc, other.cmc, rtol=0, atol=1e-12)
        and np.allclose([one.mAP, one.mINP], [other.mAP, other.mINP], rtol=0, atol=1e-12)
    )


def memory(gallery: int, *, queries: int, channels: int = 256) -> list[Row]:
    """What ranking a large gallery adds to the features that it holds."""
    contestant: Prepare = partial(rank_large, gallery, queries, channels)
    small: Prepare = partial(rank_large, max(1, gallery // 100), queries, channels)
    times = take_turns({"large": contestant, "small": small}, rounds=1)
    features_gb = 4e-9 * channels * gallery * 2  # and as much again for those of a gallery's rows
    added = times["large"].memory - times["small"].memory - features_gb
    whole = 4e-9 * gallery * queries
    return [
        Row.at_most(
            f"ranking {gallery:,} images: memory beside their features"
            f" (the distances alone would be {whole:.2g} GB)", added, 0.5, "GB"
        ),
        Row("its time", f"{times['large'].seconds[0]:.3g} s for {queries:,} queries"),
    ]  # fmt: skip


def rank_large(gallery: int, queries: int, channels: int) -> Turn:
    """The evaluator's ranking, without a network: images of the gallery by ten an identity."""
    from ddag.machine import environment

    environment.prepare()
    from ddag.data.protocol import Protocol, exclude_nothing
    from ddag.evaluation.evaluator import Evaluator
    from ddag.evaluation.extractor import Extractor

    generator = np.random.default_rng(0)
    sets = [
        _records(modality, np.arange(count) % max(1, gallery // 10))
        for modality, count in ((Modality.visible, queries), (Modality.infrared, gallery))
    ]
    given = {
        records.modality: generator.standard_normal((len(records), channels), np.float32)
        for records in sets
    }

    class AtHand(Extractor):
        """Features that are there already."""

        def __init__(self) -> None:
            pass

        def extract(self, paths: object, modality: Modality, advance: object = None) -> Features:
            return {"feat": given[modality]}

    test_set = TestSet(sets[0], sets[1], (np.arange(gallery),))
    return lambda: Evaluator(AtHand(), test_set, Protocol(exclude_nothing, "images")).evaluate()


def _records(modality: Modality, identities: np.ndarray) -> Records:
    camera = 1 if modality is Modality.visible else 2
    paths: Sequence[str] = [""] * len(identities)
    return Records(np.array(paths), identities, np.full(len(identities), camera), modality)


if __name__ == "__main__":
    report.run("metrics", measure)
