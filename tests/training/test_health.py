from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import pytest

from ddag.methods.method import Method
from ddag.training import health
from ddag.training.progress import Progress


class Ailing:
    """A method whose graph is dead where its floor is full."""

    def diagnose(self, values: dict[str, float]) -> dict[str, tuple[str, str]]:
        return {"graph": ("it is dead", "x=y helps")} if values["floor"] == 1 else {}


def watch(progress: Progress, floor: float) -> dict[str, str]:
    return health.watch(cast("Method[Any]", Ailing()), progress, {"floor": floor})


def test_a_dead_branch_is_warned_of_once_with_the_epoch_of_its_death(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    progress = Progress(("loss",), epoch=1)
    expected = {"graph": "it is dead since epoch 2; x=y helps"}
    for _ in range(3):
        progress = progress.after_epoch(None, watch(progress, 1))
        assert progress.dead == expected
    assert [record.getMessage() for record in caplog.records] == list(expected.values())


def test_a_branch_that_learns_again_is_no_longer_dead() -> None:
    progress = replace(Progress(("loss",)), dead={"graph": "it is dead since epoch 1; x=y helps"})
    assert watch(progress, 0.5) == {}
