"""Features of query and gallery -> distances -> scores, for each gallery and their mean.

Shapes: Q queries, G gallery images, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ddag.data.protocol import Protocol
from ddag.data.records import Records, TestSet
from ddag.evaluation import metrics
from ddag.evaluation.extractor import Extraction
from ddag.evaluation.metrics import Scores
from ddag.evaluation.ranking import CELLS, Comparison, Features
from ddag.evaluation.rerank import rerank
from ddag.machine.sharing import ALONE
from ddag.model.exchange import Exchange


@dataclass(frozen=True)
class Evaluation:
    """Scores by feature name, and what the first of the galleries was ranked by.

    Attributes:
        mean: over the galleries.
        deviation: standard deviation over the galleries.
        first: query and first gallery with their features.
    """

    mean: dict[str, Scores]
    deviation: dict[str, Scores]
    first: Comparison


class Evaluator:
    """Ranks a test set by the features that an extractor gives."""

    def __init__(
        self,
        extractor: Extraction,
        test_set: TestSet,
        protocol: Protocol,
        *,
        reranking: bool = False,
        exchange: Optional[Exchange] = None,
    ) -> None:
        """Take a test set.

        Args:
            extractor: of features.
            test_set: query and galleries.
            protocol: the rules they are ranked by.
            reranking: rank by k-reciprocal neighbours, ``rerank.rerank``.
            exchange: with other processes, which share the images out and each rank all of them.
        """
        self._exchange = exchange or Exchange(ALONE)
        self._extractor, self._set, self._protocol = extractor, test_set, protocol
        self._reranking = reranking

    def evaluate(
        self,
        *,
        trials: Optional[Sequence[int]] = None,
        advance: Callable[[int], None] = lambda n: None,
    ) -> Evaluation:
        """Scores over ``trials`` (all without it); ``advance`` hears how many images are done.

        Each image's features are extracted once, however many galleries hold it.
        """
        chosen, held = self._rows(trials)
        gallery = self._set.gallery.select(held)
        query_features = self.extract(self._set.query, advance)
        gallery_features = self.extract(gallery, advance)
        first: Optional[Comparison] = None
        scores: dict[str, list[Scores]] = {name: [] for name in query_features}
        for trial in chosen:
            rows = np.searchsorted(held, trial)
            compared = Comparison(
                self._set.query,
                gallery.select(rows),
                query_features,
                {name: values[rows] for name, values in gallery_features.items()},
                self._protocol.excluded,
            )
            first = first or compared
            for name, found in scores.items():
                found.append(self._score(compared, name))
        assert first is not None
        means = {name: metrics.mean_and_std(found) for name, found in scores.items()}
        return Evaluation(
            {name: mean for name, (mean, _) in means.items()},
            {name: deviation for name, (_, deviation) in means.items()},
            first,
        )

    def image_count(self, trials: Optional[Sequence[int]] = None) -> int:
        """How many images an evaluation extracts the features of."""
        return len(self._set.query) + len(self._rows(trials)[1])

    def _rows(self, trials: Optional[Sequence[int]]) -> tuple[list[np.ndarray], np.ndarray]:
        """Rows of the whole gallery: of each chosen trial, and of all of them together."""
        chosen = [self._set.trials[trial] for trial in trials or range(len(self._set.trials))]
        return chosen, np.unique(np.concatenate(chosen))

    def extract(
        self, records: Records, advance: Callable[[int], None] = lambda count: None
    ) -> Features:
        """Features of images of the query or the gallery, each ``(N, C)``."""
        exchange, count = self._exchange, len(records)
        paths = records.paths[exchange.own(count)].tolist()
        found = self._extractor.extract(
            paths, records.modality, lambda done: advance(done * exchange.share.count)
        )
        return {name: exchange.join(own, count) for name, own in found.items()}

    def _score(self, compared: Comparison, name: str) -> Scores:
        return metrics.score_parts(
            self._parts(compared, name),
            compared.gallery.identities,
            cmc_counts=self._protocol.cmc_counts,
        )

    def _parts(self, compared: Comparison, name: str) -> Iterator[metrics.Part]:
        """The queries with their distances, as many at a time as the memory is bounded to."""
        query, gallery = compared.query_features[name], compared.gallery_features[name]
        reranked = rerank(query, gallery) if self._reranking else None
        count = max(1, CELLS // len(gallery))
        for start in range(0, len(query), count):
            rows = slice(start, start + count)
            # The inner product of vectors of length 1, nearest first.
            distance = -query[rows] @ gallery.T if reranked is None else reranked[rows]
            chosen = compared.query.select(rows)
            excluded = compared.exclude(chosen, compared.gallery)
            yield metrics.Part(distance, chosen.identities, excluded)


def monitored(scores: dict[str, Scores], name: str) -> float:
    """One score by its name, such as ``feat_att/rank1``."""
    feature, _, key = name.partition("/")
    return scores[feature].as_dict()[key]
