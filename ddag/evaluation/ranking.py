"""A query and a gallery with their features, compared: who stands nearest to whom."""

# Q queries, G gallery images, C channels.

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Callable, NamedTuple, Optional

import numpy as np

from ddag.data.records import Records
from ddag.settings.choices import Modality

CELLS = 1 << 24  # of a matrix of queries and gallery at a time: 64 MB of distances
Features = dict[str, np.ndarray]  # "feat" and, with IWPA, "feat_att", (N, C) float32 of length 1


@dataclass(frozen=True)
class Comparison:
    """A query and one gallery, ready to be ranked.

    Attributes:
        query: Q images.
        gallery: G images.
        query_features: of the query, by name.
        gallery_features: of the gallery, by name.
        exclude: what queries pass over in a gallery by the data set's rules, bool.
    """

    query: Records
    gallery: Records
    query_features: Features
    gallery_features: Features
    exclude: Callable[[Records, Records], np.ndarray]

    @cached_property
    def excluded(self) -> np.ndarray:
        """``(Q, G)`` bool: what each query passes over."""
        return self.exclude(self.query, self.gallery)

    @property
    def matches(self) -> np.ndarray:
        """``(Q, G)`` bool: what each query seeks, images of its person by the rules."""
        return (self.query.identities[:, None] == self.gallery.identities) & ~self.excluded

    def size(self) -> dict[str, float]:
        """How hard the ranking is: people and images sought among, queries, and chance.

        Chance is Rank-1 of a ranking at random: of what a query may find, the share that is its
        person's; the mean over queries that have any.
        """
        return {
            "identities": len(np.unique(self.gallery.identities)),
            "queries": len(self.query),
            "gallery_images": len(self.gallery),
            "chance": round(float(np.mean(self._shares())), 6),
        }

    def _shares(self) -> np.ndarray:
        """Of what each query may find, the share that it seeks, where there is any."""
        shares, count = [], max(1, CELLS // len(self.gallery))
        for start in range(0, len(self.query), count):
            chosen = self.query.select(slice(start, start + count))
            allowed = ~self.exclude(chosen, self.gallery)
            sought = allowed & (chosen.identities[:, None] == self.gallery.identities)
            shares.append(sought.sum(axis=1) / np.maximum(allowed.sum(axis=1), 1))
        of_query = np.concatenate(shares)
        return of_query[of_query > 0]

    def spread_queries(self, people: int) -> np.ndarray:
        """The first query with a match of each of at most ``people`` people, from all of them."""
        rows = np.flatnonzero(self.matches.any(axis=1))
        _, first = np.unique(self.query.identities[rows], return_index=True)
        return rows[first[evenly(len(first), people)]]

    def sample(self, feature: str, *, people: int, images: int) -> Sample:
        """At most so many images, half of the query and half of the gallery, of so many people.

        Both are evenly spread over all that there are.
        """
        chosen = self.query.identities[self.spread_queries(people)]
        sides = []
        for side, values in (
            (self.query, self.query_features[feature]),
            (self.gallery, self.gallery_features[feature]),
        ):
            held = np.flatnonzero(np.isin(side.identities, chosen))
            rows = held[evenly(len(held), images // 2)]
            sides.append((side.select(rows), values[rows]))
        records, features = zip(*sides)
        return Sample(
            np.concatenate(features),
            np.concatenate([each.identities for each in records]),
            np.concatenate([each.cameras for each in records]),
            [each.modality for each in records for _ in range(len(each))],
            [path for each in records for path in each.paths.tolist()],
        )

    def distance(self, feature: str) -> np.ndarray:
        """``(Q, G)``: 1 minus the cosine, 0 to 2."""
        return cosine_distance(self.query_features[feature], self.gallery_features[feature])


class Sample(NamedTuple):
    """N images of query and gallery, with their features."""

    features: np.ndarray  # (N, C)
    identities: np.ndarray  # (N,) int64
    cameras: np.ndarray  # (N,) int64
    modalities: list[Modality]
    paths: list[str]


def cosine_distance(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """``(Q, G)``: 1 minus the cosine of ``(Q, C)`` and ``(G, C)`` vectors of length 1."""
    return 1 - query @ gallery.T


def nearest(
    distance: np.ndarray,
    *,
    right: Optional[np.ndarray] = None,
    excluded: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Columns of a query's ranking, nearest first, without what it passes over.

    Args:
        distance: ``(G,)``.
        right: ``(G,)`` bool; at the same distance a wrong image stands first, as in ``metrics``.
        excluded: ``(G,)`` bool.
    """
    order = np.argsort(distance, kind="stable") if right is None else np.lexsort((right, distance))
    return order if excluded is None else order[~excluded[order]]


def nearest_few(distance: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` of ``nearest(distance)``, without the others' order.

    Args:
        distance: ``(G,)``.
        count: 1 to G.
    """
    last = np.partition(distance, count - 1)[count - 1]
    columns = np.flatnonzero(~(distance > last))  # with all that stand at the last one's distance
    return columns[nearest(distance[columns])[:count]]


def evenly(length: int, count: int) -> np.ndarray:
    """At most ``count`` of the positions below ``length``, evenly spread, rising."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)
