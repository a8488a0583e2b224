"""What each job can be told, beside the checkpoint that it works on; the table of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Modality


@dataclass
class JobConfig:
    """A job; alone, one that is told nothing more."""

    on_checkpoint: ClassVar[bool] = False  # works on ``checkpoint``
    computes: ClassVar[bool] = True  # needs MindSpore

    name: str = MISSING


@dataclass
class CheckpointJobConfig(JobConfig):
    """A job on a checkpoint."""

    on_checkpoint: ClassVar[bool] = True


@dataclass
class InspectConfig(JobConfig):
    """A job that looks at a data set or readies it."""

    computes: ClassVar[bool] = False


@dataclass
class FeatureJobConfig(CheckpointJobConfig):
    """A job that extracts the features of a test set."""

    flip: bool = MISSING  # average the features of each image and its mirror image


@dataclass
class EvaluateConfig(FeatureJobConfig):
    """Scores of a checkpoint."""

    rerank: bool = MISSING  # k-reciprocal re-ranking
    allow_mismatch: bool = MISSING  # also on a split that the checkpoint was not trained for


@dataclass
class ExtractConfig(FeatureJobConfig):
    """Features of query and gallery into a file."""

    output: str = MISSING

    def __post_init__(self) -> None:
        _require_suffix("job.output", self.output, ".npz")


@dataclass
class SearchConfig(CheckpointJobConfig):
    """One image sought in a folder of images."""

    query: str = MISSING
    modality: Modality = MISSING  # the query's
    gallery: str = MISSING
    gallery_modality: Optional[Modality] = None  # None: the one that the query's is not


@dataclass
class ImportConfig(JobConfig):
    """Foreign weights into a checkpoint of ours."""

    source: str = MISSING
    target: str = MISSING

    def __post_init__(self) -> None:
        _require_suffix("job.target", self.target, ".ckpt")


@dataclass
class ExportConfig(CheckpointJobConfig):
    """A checkpoint of ours into the names of the authors' release."""

    target: str = MISSING

    def __post_init__(self) -> None:
        _require_suffix("job.target", self.target, ".safetensors")


@dataclass
class ReportConfig(JobConfig):
    """What the runs in a folder say together."""

    computes: ClassVar[bool] = False

    folder: str = MISSING


def _require_suffix(setting: str, path: str, suffix: str) -> None:
    require(Path(path).suffix == suffix, setting, path, f"is written as {suffix}; end its name so")


# Each job by its name: its settings here, its work in the module of that name in ``ddag/jobs/``.
JOBS: dict[str, type[JobConfig]] = {
    "train": JobConfig,
    "evaluate": EvaluateConfig,
    "visualize": CheckpointJobConfig,
    "search": SearchConfig,
    "extract": ExtractConfig,
    "report": ReportConfig,
    "check": InspectConfig,
    "prepare": InspectConfig,
    "profile": JobConfig,
    "import_weights": ImportConfig,
    "export_weights": ExportConfig,
}
