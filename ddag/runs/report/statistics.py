"""Whether settings differ from a baseline by more than chance, by paired differences.

Two runs are a pair where seed, split and all settings are the same but for those that make the
baseline: they share data, order of batches and the first weights of what both have.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

LEVEL = 0.05  # chance of calling a difference what is none
POWER = 0.8  # chance of seeing one that is there
POINT = 0.01  # of a score in fractions of 1
FEW = 5  # fewer seeds than this are no ablation
_FEWEST = 3  # of which an interval is given

Setting = tuple[tuple[str, str], ...]  # keys and values, in the order of the keys


@dataclass(frozen=True)
class Measurement:
    """One run's score.

    Attributes:
        setting: what it was told, repetitions left out.
        repetition: seed and split.
        score: in fractions of 1.
    """

    setting: Setting
    repetition: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Difference:
    """A setting beside its baseline, in fractions of 1.

    Attributes:
        pairs: how many there are.
        mean: of the paired differences.
        interval: that holds the true mean in 95 of 100 cases; None for fewer than three pairs.
        p: chance of a mean this far from 0 where there is no difference; None as before.
        adjusted: ``p`` after Holm over all settings that are compared; None as before.
        needed: pairs that would show a difference of one point; None as before.
    """

    pairs: int
    mean: float
    interval: Optional[tuple[float, float]] = None
    p: Optional[float] = None
    adjusted: Optional[float] = None
    needed: Optional[int] = None

    @property
    def is_seen(self) -> bool:
        """Whether it is told from chance, after Holm, by seeds enough for an ablation."""
        return self.pairs >= FEW and self.adjusted is not None and self.adjusted < LEVEL


def compare_all(
    measured: Sequence[Measurement], baseline: Mapping[str, str]
) -> dict[Setting, Difference]:
    """How each setting differs from the one that is its like but for the baseline's keys.

    Args:
        measured: all runs of a table.
        baseline: some keys with the values that make a setting the baseline.

    Returns:
        By setting; without the baselines themselves and what shares no repetition with its own.
    """
    found = {
        setting: difference(pairs) for setting, pairs in pair(measured, baseline).items() if pairs
    }
    tested = {setting: each.p for setting, each in found.items() if each.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values()))))
    return {
        setting: replace(each, adjusted=adjusted.get(setting)) for setting, each in found.items()
    }


def pair(
    measured: Sequence[Measurement], baseline: Mapping[str, str]
) -> dict[Setting, list[float]]:
    """Differences of each setting from its baseline, one for each repetition that both have.

    Args:
        measured: runs; of several of one setting and repetition the mean counts.
        baseline: as for ``compare_all``.
    """
    scores: dict[Setting, dict[tuple[str, ...], list[float]]] = {}
    for each in measured:
        scores.setdefault(each.setting, {}).setdefault(each.repetition, []).append(each.score)
    means = {
        setting: {repetition: statistics.fmean(s) for repetition, s in by_repetition.items()}
        for setting, by_repetition in scores.items()
    }
    differences = {}
    for setting, own in means.items():
        like = tuple((key, baseline.get(key, value)) for key, value in setting)
        if like != setting:
            base = means.get(like, {})
            differences[setting] = [own[r] - base[r] for r in own if r in base]
    return differences


def difference(pairs: Sequence[float]) -> Difference:
    """Mean, interval and test of at least one paired difference; not yet adjusted.

    Source:
        Student, The probable error of a mean, Biometrika 6 (1908): mean and deviation s of n
        differences, t = mean / (s / sqrt(n)) with n - 1 degrees of freedom, both sides.
    """
    mean, count = statistics.fmean(pairs), len(pairs)
    if count < _FEWEST:
        return Difference(count, mean)
    from scipy import stats  # type: ignore[import-untyped]  # a second: not for every command

    deviation = statistics.stdev(pairs)
    error = deviation / math.sqrt(count)
    reach = float(stats.t.ppf(1 - LEVEL / 2, count - 1)) * error
    # Without any deviation, t is infinite, or there is no difference at all.
    certain = 0.0 if mean else 1.0
    p = float(2 * stats.t.sf(abs(mean) / error, count - 1)) if error else certain
    needed = pairs_needed(deviation)
    return Difference(count, mean, (mean - reach, mean + reach), p, needed=needed)


def holm(values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that one false find among all is as rare as in one.

    Source:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
        Statistics 6 (1979): the k-th smallest of m, times m - k + 1, none below one before it.
    """
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        largest = max(largest, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = largest
    return adjusted


def pairs_needed(deviation: float, effect: float = POINT) -> int:
    """How many pairs a paired t test takes to see a true difference in 80 of 100 cases.

    Args:
        deviation: of the paired differences, in the units of ``effect``.
        effect: the true difference.

    Source:
        Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), chapter 2: the test's
        t follows a noncentral t distribution with n - 1 degrees of freedom around
        effect sqrt(n) / deviation. The smallest n from 3 with which it is beyond the critical t
        often enough.
    """
    if deviation < effect / 1000:
        return _FEWEST
    from scipy import stats

    # The normal distribution asks for a few less; from there up.
    quantiles = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER)
    count = max(_FEWEST, math.ceil((quantiles * deviation / effect) ** 2))
    while _power(count, deviation / effect) < POWER:
        count += 1
    return count


def _power(count: int, deviation: float) -> float:
    """Of a test of ``count`` pairs; ``deviation`` in units of the effect."""
    from scipy import stats

    critical, centre = stats.t.ppf(1 - LEVEL / 2, count - 1), math.sqrt(count) / deviation
    return float(
        stats.nct.sf(critical, count - 1, centre) + stats.nct.cdf(-critical, count - 1, centre)
    )


def words(found: Difference, *, score: str, repeated: str = "seeds") -> str:
    """What is to be said of a setting by its difference.

    Args:
        found: how it differs from its baseline.
        score: name of the score, such as ``mAP``.
        repeated: what a pair is one of, in the plural.
    """
    if found.pairs < FEW:
        counted = repeated if found.pairs > 1 else repeated[:-1]
        said = f"no result with {found.pairs} paired {counted}; an ablation takes {FEW} or more"
        if found.needed is not None and found.needed > FEW:
            said += f", and {found.needed} would be needed to see 1 point of {score}"
        return said
    if found.is_seen and found.interval is not None:
        low, high = (100 * end for end in found.interval)
        said = f"{100 * found.mean:+.1f} points of {score}, 95 % [{low:.1f}, {high:.1f}], "
        return f"{said}{found.pairs} paired {repeated}"
    said = f"{score} not distinguishable from chance with {found.pairs} {repeated}"
    if found.needed is not None and found.needed > found.pairs:
        return f"{said}; {found.needed} would be needed to see 1 point"
    return f"{said}, enough to see 1 point"
