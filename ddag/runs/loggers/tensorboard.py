"""A run's files for TensorBoard: its numbers, and what can be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from ddag.evaluation.metrics import ScoresByFeature
from ddag.machine.border import Scalar
from ddag.machine.files import writing
from ddag.runs import provenance
from ddag.runs.loggers.logger import Beginning, Logger
from ddag.settings.choices import TITLES

STEPS = "steps"  # folder of what is written a step, in the run folder


class TensorBoard(Logger):
    """Event files in the run folder."""

    def __init__(self, beginning: Beginning) -> None:
        """Open them; TensorBoard drops what it reads of an epoch that is to come again."""
        self._folder, self._first_step = beginning.folder, beginning.step
        self._steps: Optional[SummaryWriter] = None
        purge_step = beginning.first if beginning.resumed else None
        self._writer = SummaryWriter(str(self._folder), purge_step=purge_step)
        # SummaryWriter.add_hparams would open a folder of its own for them. The first summary, of
        # the columns, is left out: TensorBoard finds them itself, over all jobs of a sweep.
        values = {key: _word(value) for key, value in beginning.hyperparameters.items()}
        _, start, self._end = hparams(values, {})
        self._writer.file_writer.add_summary(start)
        self._writer.add_text("run", _page(provenance.collect()), beginning.first)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()
        if self._steps is not None:
            self._steps.flush()

    def log_step(self, step: int, loss: float) -> None:
        """Write a scalar.

        Into a folder of its own: TensorBoard drops what a resumed run repeats by one number for all
        that a folder holds, and that of the run folder is an epoch's.
        """
        if self._steps is None:
            folder = self._folder / STEPS
            self._steps = SummaryWriter(
                str(folder), purge_step=self._first_step if folder.exists() else None
            )
        self._steps.add_scalar("train/loss_by_step", loss, step)

    def close(self, *, finished: bool) -> None:
        """Write what is left; a run that breaks off is not marked as ended."""
        if finished:
            self._writer.file_writer.add_summary(self._end)
        self._writer.close()
        if self._steps is not None:
            self._steps.close()

    def show_result(self, epoch: int, scores: ScoresByFeature) -> None:
        """Write what result.json says, as a page of text."""
        names = [TITLES[name] for name in next(iter(scores.values()))]
        rows = [
            [name, *(f"{value:.2%}" for value in each.values())] for name, each in scores.items()
        ]
        self._writer.add_text("result", _table([["features", *names], *rows]), epoch)

    def show_image(self, name: str, pixels: np.ndarray, epoch: int) -> None:
        """Write ``(H, W, 3)`` uint8."""
        self._writer.add_image(name, pixels, epoch, dataformats="HWC")

    def show_histogram(self, name: str, values: np.ndarray, epoch: int) -> None:
        """Write the distribution of an array."""
        self._writer.add_histogram(name, values.ravel(), epoch)

    def show_embedding(
        self,
        name: str,
        features: np.ndarray,
        labels: Sequence[Sequence[object]],
        *,
        header: Sequence[str],
        thumbnails: np.ndarray,
        epoch: int,
    ) -> None:
        """Write features for TensorBoard's projector, in place of earlier ones.

        Args:
            name: of the features.
            features: ``(N, C)``.
            labels: of each row, as many as ``header`` has names.
            header: names of the labels.
            thumbnails: ``(N, S, S, 3)`` uint8.
            epoch: that they are of.
        """
        config = self._folder / "projector_config.pbtxt"
        with writing(config):
            config.unlink(missing_ok=True)  # tensorboardX appends to it
            self._writer.add_embedding(
                features.astype(np.float64).round(4),  # a text file, which would have 17 digits
                metadata=[list(row) for row in labels],
                metadata_header=list(header),
                label_img=thumbnails.transpose(0, 3, 1, 2) / 255,
                global_step=epoch,
                tag=name,
            )


class Blank(TensorBoard):
    """A board on which nothing is written.

    What would be shown is worked out all the same: processes that wait for each other shall be busy
    equally long.
    """

    def __init__(self) -> None:
        pass

    def show_result(self, epoch: int, scores: ScoresByFeature) -> None:
        """Nothing."""

    def show_image(self, name: str, pixels: np.ndarray, epoch: int) -> None:
        """Nothing."""

    def show_histogram(self, name: str, values: np.ndarray, epoch: int) -> None:
        """Nothing."""

    def show_embedding(self, name: str, features: np.ndarray, *_: object, **__: object) -> None:
        """Nothing."""


def _page(found: Mapping[str, Scalar]) -> str:
    """The command, to be copied, and what else is known of where the numbers come from."""
    rows = [[name, str(value)] for name, value in found.items() if name != "command"]
    return f"    {found['command']}\n\n{_table([['', ''], *rows])}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in Markdown, the first of them the headings."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _word(value: object) -> object:
    """None as a word, since TensorBoard would drop it."""
    return "null" if value is None else value
