"""How long the rest of a run takes, by times given by hand."""

from __future__ import annotations

import pytest

from ddag.training.pace import Pace
from ddag.training.progress import Progress


def pace(*, last_images: int = 0) -> Pace:
    """Four epochs of ten steps, an evaluation of 100 images after each second one."""
    return Pace(
        epochs=4, steps=10, images=100, last_images=last_images, is_due=lambda epoch: epoch % 2 == 0
    )


def test_nothing_is_said_before_the_first_step() -> None:
    assert pace().left(Progress(())) is None


def test_what_is_left_is_steps_and_evaluations_each_at_its_own_pace() -> None:
    run = pace()
    for _ in range(3):
        run.step(2.0, images=8)
    run.evaluation(5.0, images=100)
    # 37 steps of 2 s, two evaluations of 5 s.
    assert run.left(Progress((), position=3)) == pytest.approx(37 * 2 + 2 * 5)
    assert run.left(Progress((), epoch=3)) == pytest.approx(10 * 2 + 5)
    assert run.left(Progress((), epoch=4)) == 0


def test_before_the_first_evaluation_an_image_takes_as_long_as_one_of_a_step() -> None:
    run = pace()
    run.step(2.0, images=8)
    assert run.left(Progress((), position=1)) == pytest.approx(39 * 2 + 200 * 2 / 8)


def test_the_evaluation_of_every_gallery_at_the_end_counts() -> None:
    run = pace(last_images=1000)
    run.step(1.0, images=8)
    run.evaluation(5.0, images=100)
    assert run.left(Progress((), epoch=4)) == pytest.approx(50)
