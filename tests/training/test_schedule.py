from __future__ import annotations

import pytest

from ddag.machine.errors import InputError
from ddag.training.schedule import epoch_rates, step_rates


def rates(kind: str, **changes: float) -> list[float]:
    settings = {"base": 0.1, "epochs": 81, "warmup": 5, "start_decay": 15, "end_decay": 27}
    return epoch_rates(kind, **{**settings, **changes})


def test_paper_is_the_authors_table_epoch_by_epoch() -> None:
    warmup = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
    table = warmup + [0.1] * 10 + [0.01] * 30 + [0.001] * 31
    assert rates("paper") == pytest.approx(table)


def test_warmup_decay_is_the_releases_table_epoch_by_epoch() -> None:
    warmup = [0.0007, 0.0014, 0.0021, 0.0028, 0.0035]
    table = warmup + [0.0035] * 10 + [0.00035] * 12 + [0.000035] * 13
    assert rates("warmup_decay", base=0.0035, epochs=40) == pytest.approx(table)


def test_no_warmup_starts_at_the_base_rate() -> None:
    table = [1.0, 1.0, 0.1, 0.01]
    settings = {"base": 1.0, "epochs": 4, "warmup": 0, "start_decay": 2, "end_decay": 3}
    assert rates("warmup_decay", **settings) == pytest.approx(table)
    assert rates("cosine", **settings)[0] == 1.0


def test_cosine_warms_up_then_falls_by_half_a_cosine() -> None:
    table = [0.5, 1.0, 1.0, 0.853553, 0.5, 0.146447]
    assert rates("cosine", base=1.0, epochs=6, warmup=2) == pytest.approx(table, abs=1e-6)


def test_constant_stays_at_the_base_rate() -> None:
    assert rates("constant", epochs=3) == [0.1, 0.1, 0.1]


@pytest.mark.parametrize("kind", ["warmup_decay", "paper", "cosine", "constant"])
def test_a_run_shorter_than_its_warmup_has_a_rate_for_each_epoch(kind: str) -> None:
    assert len(rates(kind, epochs=2)) == 2


def test_every_step_of_an_epoch_has_the_epochs_rate() -> None:
    assert step_rates([0.1, 0.2], 3) == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"schedule.kind=cosin:"):
        rates("cosin")
