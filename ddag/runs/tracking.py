"""What a run leaves of each epoch: metrics.jsonl, and whatever its loggers make of it.

Scalars have the same names everywhere: ``train/loss``, ``eval/feat_att/rank1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from ddag.evaluation.metrics import ScoresByFeature
from ddag.machine.files import write_text, writing
from ddag.runs import epochs
from ddag.runs.loggers.csv_file import CsvFile
from ddag.runs.loggers.logger import Beginning, Forgiving, Logger
from ddag.runs.loggers.mlflow_run import MlflowRun
from ddag.runs.loggers.tensorboard import Blank, TensorBoard
from ddag.runs.loggers.wandb_run import WandbRun
from ddag.settings.loggers import LoggerConfig
from ddag.settings.plain import dotted

DEFAULT = LoggerConfig(tensorboard=True)


class Tracker:
    """The records of one run; use it in a ``with`` block.

    Attributes:
        board: what can be looked at goes there; None where TensorBoard is none of the loggers.

    Raises:
        InputError: a file cannot be written, or a logger is not there.
    """

    def __init__(
        self,
        folder: Path,
        hyperparameters: Mapping[str, Any],
        *,
        first: int = 0,
        step: int = 1,
        loggers: LoggerConfig = DEFAULT,
        tag: str = "",
    ) -> None:
        """Open the records; what they say of epoch ``first``, ``step`` and later ones is dropped.

        Args:
            folder: the run folder.
            hyperparameters: nested, what runs are compared by.
            first: epoch.
            step: of the optimiser, from 1.
            loggers: beside metrics.jsonl.
            tag: of the run.
        """
        path = folder / epochs.METRICS
        with writing(path):
            beginning = Beginning(
                folder, tag, dotted(hyperparameters), first, step, resumed=path.exists()
            )
            kept = [line for line in epochs.read(path) if line["epoch"] < first]
            write_text(path, "".join(f"{json.dumps(line)}\n" for line in kept))
            self._loggers = list(_open(loggers, beginning))
            self._lines = path.open("a", encoding="utf-8")
        boards = [each for each in self._loggers if isinstance(each, TensorBoard)]
        self.board: Optional[TensorBoard] = boards[0] if boards else None

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._lines.close()
        for each in self._loggers:
            each.close(finished=kind is None)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values of ``epoch`` (finished epochs)."""
        with writing(Path(self._lines.name)):
            print(json.dumps({"epoch": epoch, **values}), file=self._lines, flush=True)
            for each in self._loggers:
                each.log(epoch, values)

    def log_step(self, step: int, loss: float) -> None:
        """Write the loss of a step of the optimiser, from 1."""
        for each in self._loggers:
            each.log_step(step, loss)


class Silent(Tracker):
    """The same functions, of a process whose records another one keeps."""

    def __init__(self, loggers: LoggerConfig) -> None:
        """Record nothing; ``loggers`` as of ``Tracker``."""
        self.board = Blank() if loggers.tensorboard else None

    def __exit__(self, kind: object, *_: object) -> None:
        pass

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def log_step(self, step: int, loss: float) -> None:
        """Nothing."""


def flat(prefix: str, scores: ScoresByFeature) -> dict[str, float]:
    """Scores by feature as scalars named ``<prefix>/<feature>/<score>``."""
    return {
        f"{prefix}/{feature}/{score}": value
        for feature, values in scores.items()
        for score, value in values.items()
    }


def _open(chosen: LoggerConfig, beginning: Beginning) -> Iterator[Logger]:
    # First those that may not be there: nothing is open yet where they are refused.
    if chosen.mlflow is not None:
        yield Forgiving("mlflow", MlflowRun(beginning, chosen.mlflow))
    if chosen.wandb is not None:
        yield Forgiving("wandb", WandbRun(beginning, chosen.wandb))
    if chosen.tensorboard:
        yield TensorBoard(beginning)
    if chosen.csv:
        yield CsvFile(beginning)
