from __future__ import annotations

import pytest

from ddag.training.progress import Progress

TERMS = ("loss", "loss_id", "health/graph_floor")


def after(*losses: float) -> Progress:
    """A progress within its first epoch."""
    progress = Progress(TERMS)
    for loss in losses:
        progress = progress.after_step({"loss": loss, "loss_id": 1.0, "health/graph_floor": 0.5})
    return progress


def test_the_means_are_of_the_steps_that_were_taken() -> None:
    progress = after(1.0, 2.0).after_skip()
    assert progress.means == {"loss": 1.5, "loss_id": 1.0, "health/graph_floor": 0.5}
    assert (progress.step, progress.position, progress.skipped) == (2, 3, 1)


def test_overflows_are_counted_apart_from_what_was_skipped() -> None:
    progress = after(1.0).after_overflow().after_skip().after_overflow()
    assert (progress.position, progress.skipped, progress.overflows) == (4, 1, 2)
    assert progress.after_epoch(None, {}).overflows == 0


def test_more_steps_and_overflows_than_batches_are_an_error() -> None:
    stored = {**after(1.0).to_plain(), "overflows": 1}
    with pytest.raises(ValueError, match="1 steps and 1 overflows in 1 batches"):
        Progress.from_plain(stored, TERMS)


def test_it_comes_back_from_plain_values() -> None:
    progress = after(1.0, 2.0).after_overflow()
    assert Progress.from_plain(progress.to_plain(), TERMS) == progress


def test_an_epoch_begun_by_a_version_without_signs_of_health_is_finished_with_them() -> None:
    before = after(1.0).to_plain()
    del before["dead"], before["overflows"]
    before.update(terms=["loss", "loss_id"], losses=[[3.0, 1.0]])
    resumed = Progress.from_plain(before, TERMS)
    assert resumed.means == {"loss": 3.0, "loss_id": 1.0}
    further = resumed.after_step({"loss": 1.0, "loss_id": 1.0, "health/graph_floor": 0.2})
    assert further.means == {"loss": 2.0, "loss_id": 1.0, "health/graph_floor": 0.2}


def test_a_loss_that_was_not_recorded_is_missed() -> None:
    with pytest.raises(ValueError, match="loss_graph"):
        Progress.from_plain(after(1.0).to_plain(), (*TERMS, "loss_graph"))
