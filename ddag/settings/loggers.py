"""Where the numbers of a run go beside metrics.jsonl. No MindSpore, no logger's own package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Choice


class WandbMode(Choice):
    """Whether Weights & Biases hears of a run while it goes on."""

    offline = "offline"
    online = "online"


@dataclass
class MlflowConfig:
    """MLflow: a folder or a server."""

    # such as http://127.0.0.1:5000; None: MLFLOW_TRACKING_URI, or mlruns/
    uri: Optional[str] = None
    experiment: Optional[str] = None  # that the run belongs to; None: the tag

    def __post_init__(self) -> None:
        for name, value in (("uri", self.uri), ("experiment", self.experiment)):
            named = "names nothing; give a name, or leave it out"
            require(value != "", f"logger.mlflow.{name}", "", named)


@dataclass
class WandbConfig:
    """Weights & Biases."""

    mode: WandbMode = MISSING  # offline keeps the run in its folder, for wandb sync
    project: Optional[str] = None  # None: the tag

    def __post_init__(self) -> None:
        named = "names nothing; give a name, or leave it out"
        require(self.project != "", "logger.wandb.project", "", named)


@dataclass
class LoggerConfig:
    """Which loggers a run has."""

    tensorboard: bool = False  # event files in the run folder, with images and histograms
    csv: bool = False  # metrics.csv in the run folder, a row an epoch
    mlflow: Optional[MlflowConfig] = None
    wandb: Optional[WandbConfig] = None
