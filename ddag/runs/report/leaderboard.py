"""Means over the repetitions of each setting, best first."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ddag.runs.report.comparison import differences, find_baseline
from ddag.runs.report.protocols import by_protocol
from ddag.runs.report.runs import Run, varied_keys
from ddag.runs.report.statistics import Difference
from ddag.runs.result import Result
from ddag.settings.choices import TITLES

STD = "standard deviation over seeds and splits, divisor n - 1"


@dataclass(frozen=True)
class Score:
    """One score over the runs of a setting, in fractions of 1."""

    mean: float
    std: float  # divisor n - 1: the seeds are a sample of all seeds; 0 for a single run
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Score:
        """Mean and standard deviation of at least one value."""
        std = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(statistics.fmean(values), std, len(values))

    def percent(self, plus_minus: str = " ± ") -> str:
        """``21.50 ± 0.40``, without the deviation for a single run."""
        mean = f"{100 * self.mean:.2f}"
        return f"{mean}{plus_minus}{100 * self.std:.2f}" if self.count > 1 else mean


@dataclass(frozen=True)
class Row:
    """The finished runs of one setting.

    Attributes:
        values: of the leaderboard's keys.
        results: that are averaged, one a run.
        score: the monitored one.
        features: Rank-1 and its like by feature.
        main: the monitored feature, such as ``feat_att``.
    """

    values: tuple[str, ...]
    results: tuple[Result, ...]
    score: Score
    features: dict[str, dict[str, Score]]
    main: str

    @property
    def scores(self) -> dict[str, Score]:
        """Those of the monitored feature."""
        return self.features[self.main]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of its runs, each once, with how many runs say it."""
        said = Counter(warning for result in self.results for warning in result.warnings)
        return tuple(
            f"{warning} ({count} of {len(self.results)} runs)" for warning, count in said.items()
        )


@dataclass(frozen=True)
class Table:
    """Settings that were measured by one protocol, the best first.

    Attributes:
        protocol: the rules of the measurement.
        rows: of each setting.
        baseline: the values that make a setting the one that others are compared with.
        differences: by score and values, from the setting that is alike but for the baseline's.
        runs: behind the rows.
        keys: settings in which the runs of the leaderboard differ.
    """

    protocol: str
    rows: tuple[Row, ...]
    baseline: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, Mapping[tuple[str, ...], Difference]] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    keys: tuple[str, ...] = ()

    def stands_out(self, row: Row, name: str) -> bool:
        """Whether it differs from its baseline by more than chance.

        Where nothing is compared with a baseline: whether it is the best.
        """
        found = self.differences.get(name, {})
        if found:
            return row.values in found and found[row.values].is_seen
        return self.is_best(row, name)

    def is_best(self, row: Row, name: str) -> bool:
        """Whether no row has a higher mean."""
        return all(row.scores[name].mean >= each.scores[name].mean for each in self.rows)


@dataclass(frozen=True)
class Leaderboard:
    """Runs compared.

    Attributes:
        runs: all of them.
        keys: settings in which they differ.
        tables: of the finished ones, one for each protocol: scores by different ones cannot be
            compared.
    """

    runs: tuple[Run, ...]
    keys: tuple[str, ...]
    tables: tuple[Table, ...]

    def values(self, run: Run) -> tuple[str, ...]:
        """What a run has for each of the keys."""
        return tuple(run.value(key) for key in self.keys)

    def name(self, values: Sequence[str]) -> str:
        """The values of the keys in one line, as they are typed."""
        return " ".join(f"{key}={value}" for key, value in zip(self.keys, values)) or "all runs"


def compare(runs: Sequence[Run], baseline: Mapping[str, str] = MappingProxyType({})) -> Leaderboard:
    """The leaderboard of runs, finished or not.

    Args:
        runs: to be compared.
        baseline: values of some keys; of none: those that leave all branches out.
    """
    board = Leaderboard(tuple(runs), tuple(varied_keys(runs)), ())
    tables = tuple(_table(board, name, each, baseline) for name, each in by_protocol(runs))
    return replace(board, tables=tables)


def _table(
    board: Leaderboard, name: str, runs: Sequence[Run], baseline: Mapping[str, str]
) -> Table:
    rows: dict[object, list[Run]] = {}
    for run in runs:
        # Results by other features, or judged by another score, have no mean with these.
        alike = board.values(run), run.monitor, tuple(run.result.metrics if run.result else ())
        rows.setdefault(alike, []).append(run)
    chosen = baseline or find_baseline(board.keys, runs)
    found = differences(board.keys, runs, chosen)
    return Table(name, _best_first(board, rows), chosen, found, tuple(runs), board.keys)


def _best_first(board: Leaderboard, groups: Mapping[object, list[Run]]) -> tuple[Row, ...]:
    rows = [_row(board.values(runs[0]), runs) for runs in groups.values()]
    return tuple(sorted(rows, key=lambda row: -row.score.mean))


def _row(values: tuple[str, ...], runs: Sequence[Run]) -> Row:
    results = [run.result for run in runs if run.result]
    features = {
        feature: {
            name: Score.of([result.metrics[feature][name] for result in results]) for name in TITLES
        }
        for feature in results[0].metrics
    }
    score = Score.of([result.score for result in results])
    return Row(values, tuple(results), score, features, runs[0].monitor.partition("/")[0])
