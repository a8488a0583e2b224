"""CMC, mAP and mINP from a distance matrix.

A query's *positives* are the gallery images of its identity; its ranking is the gallery by
rising distance. Only the order of the distances counts, so ``-features @ features.T`` serves as
well as ``1 - features @ features.T`` and keeps more digits.

Ties go against the query: a wrong image at exactly the distance of a positive stands before
it. The result therefore never depends on the order of the gallery, and a network that gives
every image the same features scores at the bottom.
"""

# Q queries, G gallery images, B queries of one block, P positives of a query at most.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Optional

import numpy as np

from ddag.machine.errors import InputError
from ddag.settings.choices import RANKS

_BLOCK_CELLS = 1 << 17  # cells of the distance matrix at a time: they stay in a core's cache
_NO_POSITIVE = (
    "gallery: no query has an image of its identity there;"
    " check that both come from the same split of the same data set"
)


ScoresByFeature = dict[str, dict[str, float]]  # by feature and score, in fractions of 1


@dataclass(frozen=True)
class Scores:
    """How well a gallery was ranked, in fractions of 1.

    Attributes:
        cmc: ``(20,)`` float64; entry r - 1 is Rank-r, the share of queries with a positive among
            the first r. A gallery with fewer ranks repeats its last value.
        mAP: mean over the queries of the average precision: at each positive the share of
            positives among the ranks so far, averaged over the positives. Positives at ranks 1, 3
            and 6 give ``(1/1 + 2/3 + 3/6) / 3 = 0.722``.
        mINP: mean over the queries of the number of positives divided by the rank of the last
            one, the hardest: ``3 / 6 = 0.5`` for the same query.

    Source:
        mINP: Ye et al., arXiv:2001.04193, Eq. (3).
    """

    cmc: np.ndarray
    mAP: float  # noqa: N815, the field writes it so
    mINP: float  # noqa: N815

    def as_dict(self) -> dict[str, float]:
        """The scores that papers print: Rank-1, 5, 10, 20, mAP and mINP."""
        ranks = {f"rank{rank}": float(self.cmc[rank - 1]) for rank in (1, 5, 10, 20)}
        return {**ranks, "mAP": self.mAP, "mINP": self.mINP}

    @property
    def main(self) -> str:
        """Rank-1 and mAP in percent, as words."""
        return f"Rank-1 {self.cmc[0]:.1%} mAP {self.mAP:.1%}"


def summary(scores: Mapping[str, Scores]) -> str:
    """Rank-1 and mAP of each feature, in percent."""
    return "  ".join(f"{name}: {each.main}" for name, each in scores.items())


def score(
    distance: np.ndarray,
    query_identities: np.ndarray,
    gallery_identities: np.ndarray,
    *,
    excluded: Optional[np.ndarray] = None,
    cmc_counts: Literal["images", "identities"] = "images",
) -> Scores:
    """How well the queries find their positives; a query without any does not count.

    Args:
        distance: ``(Q, G)``, smaller is more alike; any scale.
        query_identities: ``(Q,)`` integers.
        gallery_identities: ``(G,)`` integers.
        excluded: ``(Q, G)`` bool, gallery images that a query passes over as if they were not
            there; see ``data.protocol``.
        cmc_counts: what a rank of the CMC is: one image (RegDB), or one identity, however many
            images of it stand there (SYSU-MM01). mAP and mINP always go by images.

    Raises:
        InputError: no query has a positive, or a distance is not a finite number.
    """
    part = Part(distance, query_identities, excluded)
    return score_parts([part], gallery_identities, cmc_counts=cmc_counts)


class Part(NamedTuple):
    """Some of the queries, with arguments as ``score``'s."""

    distance: np.ndarray
    query_identities: np.ndarray
    excluded: Optional[np.ndarray] = None


def score_parts(
    parts: Iterable[Part],
    gallery_identities: np.ndarray,
    *,
    cmc_counts: Literal["images", "identities"] = "images",
) -> Scores:
    """As ``score``, of queries that come part by part, so that no distance matrix is held whole.

    Raises:
        InputError: as ``score``.
    """
    if not len(gallery_identities):
        raise InputError(_NO_POSITIVE)
    gallery = _Gallery.by_identity(gallery_identities)
    blocks = [block for part in parts for block in _score_part(part, gallery, cmc_counts)]
    first, precision, inverse = (np.concatenate(column) for column in zip(*blocks))
    if not len(first):
        raise InputError(_NO_POSITIVE)
    # Ranks past the last one counted stay empty, so the sum repeats its last value there.
    cmc = np.bincount(first, minlength=RANKS)[:RANKS].cumsum() / len(first)
    return Scores(cmc, float(precision.mean()), float(inverse.mean()))


def scores_by_feature(scores: Mapping[str, Scores]) -> ScoresByFeature:
    """Scores by feature as plain numbers, in fractions of 1."""
    return {feature: each.as_dict() for feature, each in scores.items()}


def mean_and_std(trials: Sequence[Scores]) -> tuple[Scores, Scores]:
    """The mean over at least one trial and the standard deviation (divisor: the trial count)."""
    table = np.array([[*trial.cmc, trial.mAP, trial.mINP] for trial in trials])
    mean, std = (
        Scores(row[:RANKS], float(row[RANKS]), float(row[RANKS + 1]))
        for row in (table.mean(axis=0), table.std(axis=0))
    )
    return mean, std


@dataclass(frozen=True)
class _Gallery:
    """Columns of the distance matrix grouped by identity, I groups."""

    columns: np.ndarray  # (G,) the groups one after another
    identities: np.ndarray  # (I,) of each group, rising
    starts: np.ndarray  # (I,) where each group begins in columns
    sizes: np.ndarray  # (I,) how many columns it has
    layers: list[np.ndarray]  # a column of each identity, a second of those that have one, ...

    @classmethod
    def by_identity(cls, gallery_identities: np.ndarray) -> _Gallery:
        columns = np.argsort(gallery_identities, kind="stable")
        identities, starts, sizes = np.unique(
            gallery_identities[columns], return_index=True, return_counts=True
        )
        largest_first = starts[np.argsort(-sizes, kind="stable")]
        counts = [np.count_nonzero(sizes > number) for number in range(sizes.max())]
        layers = [columns[largest_first[:count] + number] for number, count in enumerate(counts)]
        return cls(columns, identities, starts, sizes, layers)

    def positives(self, query_identities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``(B, P)`` columns of each query's positives and bool whether a slot holds one.

        An empty slot repeats the query's first positive; without any, it names a column of
        another identity.
        """
        group = np.searchsorted(self.identities, query_identities)
        group = np.minimum(group, len(self.identities) - 1)
        sizes = np.where(self.identities[group] == query_identities, self.sizes[group], 0)
        slots = np.arange(max(1, sizes.max()))
        filled = slots < sizes[:, None]  # (B, P)
        return self.columns[self.starts[group][:, None] + np.where(filled, slots, 0)], filled


def _score_part(
    part: Part, gallery: _Gallery, cmc_counts: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """``_score_block`` of a few queries at a time."""
    distance, query_identities, excluded = part
    rows_per_block = max(1, _BLOCK_CELLS // len(gallery.columns))
    for start in range(0, len(query_identities), rows_per_block):
        rows = slice(start, start + rows_per_block)
        nearness = distance[rows].copy()
        if not np.isfinite(nearness).all():
            raise InputError(
                "distance: holds nan or inf, so the features do: training has diverged;"
                " lower optimizer.lr"
            )
        if excluded is not None:
            nearness[excluded[rows]] = np.inf
        yield _score_block(nearness, query_identities[rows], gallery, cmc_counts)


def _score_block(
    nearness: np.ndarray, query_identities: np.ndarray, gallery: _Gallery, cmc_counts: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CMC rank from 0, average precision and inverse negative penalty, a query with positives each.

    Args:
        nearness: ``(B, G)`` distances, inf where excluded; overwritten.
        query_identities: ``(B,)``.
        gallery: its columns by identity.
        cmc_counts: as in ``score``.
    """
    columns, filled = gallery.positives(query_identities)
    positives = np.where(filled, np.take_along_axis(nearness, columns, axis=1), np.inf)
    keep = np.isfinite(positives).any(axis=1)
    nearness, columns, positives = nearness[keep], columns[keep], positives[keep]
    positives.sort(axis=1)
    np.put_along_axis(nearness, columns, np.inf, axis=1)  # from here on wrong images only
    before = _count_up_to(nearness, positives)  # (B, P)
    exists = np.isfinite(positives)
    nth = np.arange(1, positives.shape[1] + 1)
    precision = np.where(exists, nth / (before + nth), 0.0)
    count = exists.sum(axis=1)
    inverse = precision[np.arange(len(count)), count - 1]
    first = before[:, 0]
    if cmc_counts == "identities":
        first = _count_identities_up_to(nearness, positives[:, 0], gallery)
    return first, precision.sum(axis=1) / count, inverse


def _count_up_to(nearness: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """How many of a row's cells are at most each of its limits.

    A comparison for each limit, instead of sorting: a query has few positives, so this beats an
    argsort of the row several times over.

    Args:
        nearness: ``(B, G)``.
        limits: ``(B, P)``.

    Returns:
        ``(B, P)`` int64.
    """
    counts = np.empty(limits.shape, np.int64)
    reached = np.empty(nearness.shape, bool)  # (B, G)
    for limit in range(limits.shape[1]):
        np.less_equal(nearness, limits[:, limit, None], out=reached)
        # As bytes to 32 bits they are added twice as fast as by count_nonzero.
        counts[:, limit] = reached.view(np.uint8).sum(axis=1, dtype=np.uint32)
    return counts


def _count_identities_up_to(
    nearness: np.ndarray, limit: np.ndarray, gallery: _Gallery
) -> np.ndarray:
    """``(B,)``: how many identities have a cell of the row of ``(B, G)`` at most ``(B,)`` limit."""
    reached = nearness <= limit[:, None]  # (B, G)
    first, *others = gallery.layers
    found = reached[:, first]  # (B, I)
    for columns in others:
        found[:, : len(columns)] |= reached[:, columns]
    return np.count_nonzero(found, axis=1)
