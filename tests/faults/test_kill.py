"""A training that is killed and resumed ends to the bit as one that never was."""

from __future__ import annotations

import random
from pathlib import Path

import killing
import pytest

pytestmark = pytest.mark.slow


def test_a_killed_training_ends_as_one_that_was_not(
    tmp_path: Path, tiny_regdb: Path, whole: killing.Whole, request: pytest.FixtureRequest
) -> None:
    kills = 20 if request.config.getoption("--long") else 3
    chance = random.Random(0)
    run, number = tmp_path / "0", 0
    for count in range(kills):
        process = killing.start(run, tiny_regdb)
        if count % 2 == 0:  # in the middle of saving: a draft of a checkpoint is there
            killing.await_file(process, run / "checkpoints", ".*.ckpt")
        else:
            pause = chance.uniform(0, whole.seconds)
            killing.await_ending(process, pause)
        killing.kill(process)
        if (run / "result.json").exists():  # it was through: begin another
            assert killing.outcome(run) == whole.outcome
            number += 1
            run = tmp_path / str(number)
    killing.finish(killing.start(run, tiny_regdb))
    assert killing.outcome(run) == whole.outcome
    assert not list((run / "checkpoints").glob(".*.ckpt"))
