"""How fast a run goes, and so how long the rest of it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from ddag.training.progress import Progress


class Pace:
    """Times of this process's steps and evaluations."""

    def __init__(
        self,
        *,
        epochs: int,
        steps: int,
        images: int,
        last_images: int,
        is_due: Callable[[int], bool],
    ) -> None:
        """Say what a run has to do.

        Args:
            epochs: of the run.
            steps: of an epoch.
            images: of an evaluation.
            last_images: of the evaluation at the run's end; 0 where there is none by itself.
            is_due: whether an epoch, from 1, is followed by an evaluation.
        """
        self._epochs, self._epoch_steps, self._is_due = epochs, steps, is_due
        self._images, self._last_images = images, last_images
        self._steps = self._seconds = 0.0
        self._image_seconds: Optional[float] = None

    def step(self, seconds: float, images: int) -> None:
        """Note a step on so many images."""
        self._steps += 1
        self._seconds += seconds
        if self._image_seconds is None:  # more than an image of an evaluation takes
            self._image_seconds = seconds / images

    def evaluation(self, seconds: float, images: int) -> None:
        """Note an evaluation of so many images; the last counts: the first is compiled."""
        self._image_seconds = seconds / images

    def left(self, progress: Progress) -> Optional[float]:
        """Seconds from here to the end of the run; None before the first step of this process."""
        if not self._steps or self._image_seconds is None:
            return None
        epochs = range(progress.epoch + 1, self._epochs + 1)
        steps = len(epochs) * self._epoch_steps - progress.position
        images = sum(map(self._is_due, epochs)) * self._images + self._last_images
        return steps * self._seconds / self._steps + images * self._image_seconds
