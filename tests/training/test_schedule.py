from __future__ import annotations

import pytest
from typed import parse

from ddag.settings.choices import ScheduleKind
from ddag.settings.training import SCHEDULES
from ddag.training.parts import epoch_rates
from ddag.training.schedule import RATES, constant, cosine, step_rates, warmup_decay


def test_the_papers_rates_are_the_authors_table_epoch_by_epoch() -> None:
    warmup = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
    table = warmup + [0.1] * 10 + [0.01] * 30 + [0.001] * 31
    assert epoch_rates(parse("recipe=paper")) == pytest.approx(table)


def test_the_releases_rates_are_its_table_epoch_by_epoch() -> None:
    warmup = [0.0007, 0.0014, 0.0021, 0.0028, 0.0035]
    table = warmup + [0.0035] * 10 + [0.00035] * 12 + [0.000035] * 13
    assert epoch_rates(parse("recipe=mindspore")) == pytest.approx(table)


def test_no_warmup_starts_at_the_base_rate() -> None:
    table = [1.0, 1.0, 0.1, 0.01]
    assert warmup_decay(1.0, 4, warmup=0, start_decay=2, end_decay=3) == pytest.approx(table)
    assert cosine(1.0, 4, warmup=0)[0] == 1.0


def test_cosine_warms_up_then_falls_by_half_a_cosine() -> None:
    table = [0.5, 1.0, 1.0, 0.853553, 0.5, 0.146447]
    assert cosine(1.0, 6, warmup=2) == pytest.approx(table, abs=1e-6)


def test_constant_stays_at_the_base_rate() -> None:
    assert constant(0.1, 3) == [0.1, 0.1, 0.1]


@pytest.mark.parametrize("name", ["warmup_decay", "paper", "cosine", "constant"])
def test_a_run_shorter_than_its_warmup_has_a_rate_for_each_epoch(name: str) -> None:
    assert len(epoch_rates(parse(f"schedule={name}", "train.epochs=2"))) == 2


def test_every_schedule_has_settings_and_rates() -> None:
    assert set(RATES) == set(SCHEDULES) == set(ScheduleKind)


def test_every_step_of_an_epoch_has_the_epochs_rate() -> None:
    assert step_rates([0.1, 0.2], 3) == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
