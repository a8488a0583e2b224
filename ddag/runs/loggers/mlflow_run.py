"""A run in MLflow, in a folder or on a server."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any

from ddag.machine.border import read_text
from ddag.machine.errors import InputError
from ddag.machine.files import write_text
from ddag.machine.words import shortened
from ddag.runs import provenance
from ddag.runs.loggers.logger import Beginning, Logger, load
from ddag.settings.loggers import MlflowConfig

NAME = "mlflow_run.txt"  # in the run folder: the run's id in MLflow, by which a resumed one goes on
_ID = re.compile(r"[0-9a-f]{32}")
# What MLflow takes at once, and the longest value of a parameter.
_METRICS, _PARAMETERS, _LONGEST = 1000, 100, 6000


class MlflowRun(Logger):
    """One run; nothing of MLflow's state of the whole process is touched."""

    def __init__(self, beginning: Beginning, chosen: MlflowConfig) -> None:
        """Open a run, or the one that an earlier session began.

        Raises:
            InputError: what keeps its runs is out of reach.
        """
        # As it is, a server that is not there is waited for over minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        mlflow = load("mlflow")
        self._metric = mlflow.entities.Metric
        self._waiting: list[Any] = []
        try:
            self._client = mlflow.MlflowClient(tracking_uri=chosen.uri)
            self._id = self._open(mlflow, beginning, chosen.experiment or beginning.tag)
        except Exception as error:  # of MLflow, of requests, of the file system
            raise InputError(
                f"logger.mlflow.uri={chosen.uri}: MLflow has no run there"
                f" ({shortened(error, 200)}); start its server, or choose another logger"
            ) from error

    def _open(self, mlflow: Any, beginning: Beginning, experiment: str) -> str:
        file = beginning.folder / NAME
        if beginning.resumed and file.is_file():
            known = read_text(file).strip()
            if _ID.fullmatch(known):
                self._client.update_run(known, status="RUNNING")
                return known
        place = self._experiment(mlflow, experiment)
        tags = {name: str(value) for name, value in provenance.collect().items()}
        made = self._client.create_run(place, run_name=beginning.folder.name, tags=tags)
        run = str(made.info.run_id)
        parameters = [
            mlflow.entities.Param(key, str(value)[:_LONGEST])
            for key, value in beginning.hyperparameters.items()
        ]
        for start in range(0, len(parameters), _PARAMETERS):
            self._client.log_batch(run, params=parameters[start : start + _PARAMETERS])
        write_text(file, f"{run}\n")
        return run

    def _experiment(self, mlflow: Any, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except mlflow.MlflowException:  # another job of a sweep was faster
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Send the epoch and the steps before it."""
        self._waiting += [self._entry(name, value, epoch) for name, value in values.items()]
        self._send()

    def log_step(self, step: int, loss: float) -> None:
        """Keep the loss until the next epoch is sent: a request a step would hold the run up."""
        self._waiting.append(self._entry("train/loss_by_step", loss, step))

    def close(self, *, finished: bool) -> None:
        """Send what is left and say how the run ended."""
        self._send()
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")

    def _entry(self, name: str, value: float, step: int) -> Any:
        return self._metric(name, value, int(time.time() * 1000), step)

    def _send(self) -> None:
        for start in range(0, len(self._waiting), _METRICS):
            self._client.log_batch(self._id, metrics=self._waiting[start : start + _METRICS])
        self._waiting = []
