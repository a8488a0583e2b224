"""What every logger can be told, and what it is told as it opens."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ddag.machine.errors import InputError
from ddag.machine.words import shortened
from ddag.settings.loggers import LoggerConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beginning:
    """Where a run begins, or goes on.

    Attributes:
        folder: the run folder.
        tag: of the run.
        hyperparameters: by dotted key.
        first: epoch; what is there of it and of later ones is from a session that was cut off.
        step: of the optimiser, from 1; likewise.
        resumed: whether the run has been in this folder before.
    """

    folder: Path
    tag: str
    hyperparameters: Mapping[str, Any]
    first: int
    step: int
    resumed: bool


class Logger(ABC):
    """A place for the numbers of one run."""

    @abstractmethod
    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Take the values of an epoch, or of the untrained network as epoch 0."""

    def log_step(self, step: int, loss: float) -> None:  # noqa: B027, a table of epochs has no use
        """Take the loss of a step of the optimiser, from 1; by itself a logger passes over it."""

    @abstractmethod
    def close(self, *, finished: bool) -> None:
        """Write what is left; ``finished``: the run is at its end and did not break off."""


class Forgiving(Logger):
    """A logger outside of the run folder, whose failures do not end the run."""

    def __init__(self, name: str, inner: Logger) -> None:
        self._name = name
        self._inner: Optional[Logger] = inner

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """See ``Logger``."""
        self._try(lambda inner: inner.log(epoch, values))

    def log_step(self, step: int, loss: float) -> None:
        """See ``Logger``."""
        self._try(lambda inner: inner.log_step(step, loss))

    def close(self, *, finished: bool) -> None:
        """See ``Logger``."""
        self._try(lambda inner: inner.close(finished=finished))

    def _try(self, act: Callable[[Logger], None]) -> None:
        if self._inner is None:
            return
        try:
            act(self._inner)
        except Exception as error:  # whatever a package or a server does
            log.warning(
                "logger=%s: %s; the run goes on without it", self._name, shortened(error, 200)
            )
            self._inner = None


def refuse_missing(chosen: LoggerConfig) -> None:
    """Refuse a logger whose package is not there, before anything has been waited for.

    Raises:
        InputError: it is not installed.
    """
    for name in ("mlflow", "wandb"):
        if getattr(chosen, name) is not None and importlib.util.find_spec(name) is None:
            raise InputError(f'logger={name}: not installed; run pip install -e ".[{name}]"')


def load(package: str) -> Any:
    """A logger's package, imported without its warnings about others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(package)
