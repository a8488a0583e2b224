"""The figures of an evaluation against a straightforward loop over the queries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Literal

import numpy as np

from benchmarks import report
from benchmarks.report import Row
from benchmarks.turns import Prepare, Turn, take_turns
from ddag import metrics
from ddag.data.records import Modality, Records, TestSet

CHANNELS = 2048
Counts = Literal["pictures", "identities"]
SYSU = {"queries": 3803, "gallery": 301, "galleries": 10, "people": 96}
REGDB = {"queries": 2060, "gallery": 2060, "galleries": 1, "people": 206}


def score_by_loop(
    distance: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    *,
    cmc_counts: Counts,
) -> dict[str, float]:
    """One query at a time, as the field's scripts do it."""
    cmc, precisions, inverses = np.zeros(20), [], []
    for row, identity in enumerate(query_identities):
        ranking = gallery_identities[np.argsort(distance[row], kind="stable")]
        hits = [rank for rank, found in enumerate(ranking, 1) if found == identity]
        if not hits:
            continue
        precisions.append(sum(number / rank for number, rank in enumerate(hits, 1)) / len(hits))
        inverses.append(len(hits) / hits[-1])
        passed = ranking[: hits[0] - 1].tolist()
        place = len(set(passed)) if cmc_counts == "identities" else len(passed)
        cmc[place:] += 1
    ranks = {f"rank{rank}": cmc[rank - 1] / len(precisions) for rank in (1, 5, 10, 20)}
    return {**ranks, "mAP": float(np.mean(precisions)), "mINP": float(np.mean(inverses))}


def features(count: int, identities: np.ndarray, seed: int) -> np.ndarray:
    """Random directions, nearer within an identity."""
    centres = np.random.default_rng(0).normal(size=(identities.max() + 1, CHANNELS))
    noise = np.random.default_rng(seed).normal(size=(count, CHANNELS))
    found = (0.05 * centres[identities] + noise).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def measure() -> list[Row]:
    """Evaluation figures against a loop over the queries"""
    rows = compare("SYSU-MM01, 3,803 x 301 x ten galleries, feat and feat_att", SYSU, "identities")
    rows += compare("RegDB, 2,060 x 2,060, feat and feat_att", REGDB, "pictures")
    return rows + memory(100_000, queries=3803)


def compare(title: str, size: dict[str, int], counts: Counts, *, rounds: int = 3) -> list[Row]:
    """Both on the distances of both features, turn by turn; a loop for every tenth query."""
    generator = np.random.default_rng(0)
    who = np.arange(size["queries"]) % size["people"]
    held = [np.arange(size["gallery"]) % size["people"] for _ in range(size["galleries"])]
    distances = [
        -features(len(who), who, 1 + number) @ features(len(ids), ids, 100 + number).T
        for number, ids in enumerate(held * 2)
    ]
    ours, loop, same = [], [], True
    tenth = generator.permutation(len(who))[:: max(1, len(who) // 200)]
    for _ in range(rounds):
        start = time.perf_counter()
        for distance, ids in zip(distances, held * 2):
            metrics.score(distance, who, ids, cmc_counts=counts)
        middle = time.perf_counter()
        theirs = [
            score_by_loop(distance[tenth], who[tenth], ids, cmc_counts=counts)
            for distance, ids in zip(distances, held * 2)
        ]
        ours.append(middle - start)
        loop.append((time.perf_counter() - middle) * len(who) / len(tenth))
    for distance, ids, expected in zip(distances, held * 2, theirs):
        found = metrics.score(distance[tenth], who[tenth], ids, cmc_counts=counts).as_dict()
        same &= all(abs(found[name] - expected[name]) < 1e-9 for name in expected)
    faster = median(b / a for a, b in zip(ours, loop))
    return [
        Row.at_least(f"{title}: loop / framework", faster, 20),
        Row(f"framework, and the loop by {len(tenth)} of its queries",
            f"{median(ours):.3g} s, {median(loop):.3g} s"),
        Row("same figures", "yes" if same else "no", "yes", bool(same)),
    ]  # fmt: skip


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
            f"ranking {gallery:,} pictures: memory beside their features"
            f" (the distances alone would be {whole:.2g} GB)", added, 0.5, "GB"
        ),
        Row("its time", f"{times['large'].seconds[0]:.3g} s for {queries:,} queries"),
    ]  # fmt: skip


def rank_large(gallery: int, queries: int, channels: int) -> Turn:
    """The evaluator's ranking, without a network: pictures of the gallery by ten an identity."""
    from ddag import environment

    environment.prepare()
    from ddag.evaluate import REGDB as RULES
    from ddag.evaluate import Evaluator

    generator = np.random.default_rng(0)
    sets = [
        _records(modality, np.arange(count) % max(1, gallery // 10))
        for modality, count in ((Modality.VISIBLE, queries), (Modality.INFRARED, gallery))
    ]
    given = {
        records.modality: generator.standard_normal((len(records), channels), np.float32)
        for records in sets
    }

    class Ranking(Evaluator):
        """With features at hand."""

        def __init__(self) -> None:
            self._set = TestSet(sets[0], sets[1], (np.arange(gallery),))
            self._protocol, self._reranking = RULES, False

        def extract(self, records: Records, advance: object = None) -> dict[str, np.ndarray]:
            return {"feat": given[records.modality]}

    return lambda: Ranking().evaluate()


def _records(modality: Modality, identities: np.ndarray) -> Records:
    camera = 1 if modality is Modality.VISIBLE else 2
    paths: Sequence[str] = [""] * len(identities)
    return Records(np.array(paths), identities, np.full(len(identities), camera), modality)


if __name__ == "__main__":
    report.run("metrics", measure)
