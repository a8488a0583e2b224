"""What each job can be told, beside the checkpoint that it works on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Modality


@dataclass
class JobConfig:
    """A job that needs nothing more: train, visualize, prepare, check."""

    name: str = MISSING


@dataclass
class FeatureJobConfig(JobConfig):
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
class SearchConfig(JobConfig):
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
class ExportConfig(JobConfig):
    """A checkpoint of ours into the names of the authors' release."""

    target: str = MISSING

    def __post_init__(self) -> None:
        _require_suffix("job.target", self.target, ".safetensors")


@dataclass
class ReportConfig(JobConfig):
    """What the runs in a folder say together."""

    folder: str = MISSING


def _require_suffix(setting: str, path: str, suffix: str) -> None:
    require(Path(path).suffix == suffix, setting, path, f"is written as {suffix}; end its name so")
