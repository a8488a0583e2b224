from __future__ import annotations

import pytest

from ddag.sweeps import summarise


def job(rank1: float, *overrides: str) -> dict:
    return {"overrides": list(overrides), "result": {"metrics": {"feat": {"rank1": rank1}}}}


def test_seeds_and_splits_of_one_setting_are_averaged() -> None:
    jobs = [
        job(0.2, "model.part=0", "seed=0"),
        job(0.4, "model.part=0", "seed=1"),
        job(0.9, "model.part=3", "dataset.trial=1"),
    ]
    first, second = summarise(jobs)
    assert first["overrides"] == ["model.part=0"]
    assert first["jobs"] == 2
    assert first["mean"]["feat"]["rank1"] == pytest.approx(0.3)
    assert first["std"]["feat"]["rank1"] == pytest.approx(0.1)
    assert second["mean"]["feat"]["rank1"] == 0.9
    assert second["std"]["feat"]["rank1"] == 0


def test_a_failed_job_counts_in_no_mean() -> None:
    failed = {"overrides": ["model.part=0", "seed=1"], "error": "no room"}
    (only,) = summarise([job(0.2, "model.part=0", "seed=0"), failed])
    assert only["jobs"] == 1
