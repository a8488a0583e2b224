"""Worked by hand, with t's quantiles from a printed table; powers as G*Power 3.1 gives them."""

from __future__ import annotations

from itertools import product

import pytest

from ddag.runs.report.statistics import (
    Difference,
    Measurement,
    compare_all,
    difference,
    holm,
    pair,
    pairs_needed,
    words,
)

BASELINE = {"part": "0", "graph": "false"}


def measurement(part: str, graph: str, seed: str, score: float, dial: str = "0") -> Measurement:
    return Measurement((("part", part), ("graph", graph), ("dial", dial)), (seed,), score)


def setting(part: str, graph: str, dial: str = "0"):
    return (("part", part), ("graph", graph), ("dial", dial))


def test_a_paired_t_test_worked_by_hand() -> None:
    # Mean 3, deviation sqrt(2.5), its error sqrt(0.5); t = 4.243 with 4 degrees of freedom, whose
    # 97.5 % quantile is 2.776.
    found = difference([0.01, 0.02, 0.03, 0.04, 0.05])
    assert found.pairs == 5
    assert found.mean == pytest.approx(0.03)
    assert found.interval == pytest.approx((0.03 - 0.01963, 0.03 + 0.01963), abs=1e-5)
    assert found.p == pytest.approx(0.01324, abs=1e-5)


def test_the_sign_of_a_difference_does_not_change_its_p() -> None:
    for pairs in ([0.01, 0.02, 0.04], [0.3, -0.1, 0.2, 0.1]):
        up, down = difference(pairs), difference([-each for each in pairs])
        assert up.p == pytest.approx(down.p)
        assert up.mean == -down.mean


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_pairs_have_a_mean_and_no_interval(count: int) -> None:
    assert difference([0.02] * count) == Difference(count, 0.02)


def test_differences_without_deviation_are_certain_or_none() -> None:
    assert difference([0.25, 0.25, 0.25]).p == 0
    assert difference([0.0, 0.0, 0.0]).p == 1
    assert difference([0.0, 0.0, 0.0]).interval == (0, 0)


def test_holm_multiplies_by_the_tests_that_are_left_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("effect_by_deviation", "count"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)]
)
def test_pairs_needed_are_those_of_published_power(effect_by_deviation: float, count: int) -> None:
    assert pairs_needed(0.01 / effect_by_deviation) == count
    assert pairs_needed(3.0, 3.0 * effect_by_deviation) == count


def test_pairs_needed_grow_with_the_deviation_and_are_three_at_least() -> None:
    counts = [pairs_needed(deviation / 1000) for deviation in range(60)]
    assert counts == sorted(counts)
    assert counts[0] == pairs_needed(1e-12) == 3


def test_pairs_share_seed_and_all_settings_but_those_of_the_baseline() -> None:
    measured = [
        measurement("0", "false", "1", 0.50),
        measurement("0", "false", "2", 0.60),
        measurement("0", "false", "3", 0.70),
        measurement("0", "false", "1", 0.10, dial="1"),
        measurement("3", "false", "2", 0.65),
        measurement("3", "false", "1", 0.52),
        measurement("3", "false", "4", 0.99),
        measurement("3", "true", "3", 0.71),
        measurement("3", "true", "1", 0.15, dial="1"),
        measurement("3", "true", "1", 0.90, dial="2"),
    ]
    found = pair(measured, BASELINE)
    assert sorted(found[setting("3", "false")]) == pytest.approx([0.02, 0.05])
    assert found[setting("3", "true")] == pytest.approx([0.01])
    assert found[setting("3", "true", "1")] == pytest.approx([0.05])
    assert found[setting("3", "true", "2")] == []
    assert setting("0", "false") not in found
    assert setting("3", "true", "2") not in compare_all(measured, BASELINE)


def test_runs_of_one_setting_and_seed_count_as_their_mean() -> None:
    measured = [
        measurement("0", "false", "1", 0.2),
        measurement("0", "false", "1", 0.4),
        measurement("3", "false", "1", 0.5),
    ]
    assert pair(measured, BASELINE)[setting("3", "false")] == pytest.approx([0.2])


def test_all_settings_of_a_table_share_the_chance_of_a_false_find() -> None:
    gains = {"a": [0.01, 0.02, 0.03, 0.04, 0.05], "b": [0.02, -0.02, 0.01, -0.01, 0.0]}
    measured = [measurement("0", "false", str(seed), 0.5) for seed in range(5)]
    for part, seed in product(gains, range(5)):
        measured.append(measurement(part, "false", str(seed), 0.5 + gains[part][seed]))
    found = compare_all(measured, BASELINE)
    first, second = found[setting("a", "false")], found[setting("b", "false")]
    assert first.adjusted == pytest.approx(2 * 0.01324, abs=1e-4)
    assert second.p == second.adjusted == pytest.approx(1.0)
    assert (first.is_seen, second.is_seen) == (True, False)


def test_what_is_seen_is_said_with_its_interval() -> None:
    found = Difference(5, 0.021, (0.009, 0.033), 0.01, 0.02, 4)
    said = "+2.1 points of mAP, 95 % [0.9, 3.3], 5 paired seeds"
    assert words(found, score="mAP") == said


def test_what_is_not_seen_is_said_with_the_seeds_it_would_take() -> None:
    found = Difference(6, 0.01, (-0.01, 0.03), 0.2, 0.4, 11)
    said = "mAP not distinguishable from chance with 6 seeds; 11 would be needed to see 1 point"
    assert words(found, score="mAP") == said
    enough = Difference(12, 0.001, (-0.01, 0.01), 0.8, 0.8, 11)
    assert words(enough, score="mAP").endswith("with 12 seeds, enough to see 1 point")


@pytest.mark.parametrize("pairs", [3, 4])
def test_fewer_than_five_seeds_are_no_result(pairs: int) -> None:
    for p in (0.001, 0.5):
        found = Difference(pairs, 0.02, (0.01, 0.03), p, p, 11)
        assert not found.is_seen
        assert words(found, score="mAP") == (
            f"no result with {pairs} paired seeds; an ablation takes 5 or more,"
            " and 11 would be needed to see 1 point of mAP"
        )


def test_one_or_two_seeds_say_nothing() -> None:
    said = "no result with 2 paired runs; an ablation takes 5 or more"
    assert words(Difference(2, -0.01), score="mAP", repeated="runs") == said


def test_what_does_not_hold_after_holm_is_not_called_a_difference() -> None:
    found = Difference(5, 0.02, (0.001, 0.039), 0.04, 0.12, 20)
    assert "not distinguishable" in words(found, score="mAP")
