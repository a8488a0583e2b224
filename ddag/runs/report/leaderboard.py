"""Means over the repetitions of each setting, best first."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ddag.runs.report.runs import Run, varied_keys
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


@dataclass(frozen=True)
class Table:
    """Settings that were measured by one protocol, the best first."""

    protocol: str
    rows: tuple[Row, ...]

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


def compare(runs: Sequence[Run]) -> Leaderboard:
    """The leaderboard of runs, finished or not."""
    board = Leaderboard(tuple(runs), tuple(varied_keys(runs)), ())
    groups: dict[str, dict[tuple[str, ...], list[Run]]] = {}
    for run in runs:
        if run.result:
            rows = groups.setdefault(protocol(run, run.result), {})
            rows.setdefault(board.values(run), []).append(run)
    tables = tuple(Table(name, _best_first(rows)) for name, rows in groups.items())
    return replace(board, tables=tables)


def protocol(run: Run, result: Result) -> str:
    """By which rules a run's result was measured; splits are repetitions."""
    said = result.protocol.items()
    return ", ".join(f"{key} {value}" for key, value in said if key not in run.split_keys)


def _best_first(groups: Mapping[tuple[str, ...], list[Run]]) -> tuple[Row, ...]:
    rows = [_row(values, runs) for values, runs in groups.items()]
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
