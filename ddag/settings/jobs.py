"""What each job can be told, beside the checkpoint that it works on; the table of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Digits, ExportFormat, Modality


@dataclass
class JobConfig:
    """A job; alone, one that is told nothing more."""

    on_checkpoint: ClassVar[bool] = False  # works on ``checkpoint``
    computes: ClassVar[bool] = True  # needs MindSpore
    writes_elsewhere: ClassVar[bool] = False  # than into its own run folder

    name: str = MISSING


@dataclass
class CheckpointJobConfig(JobConfig):
    """A job on a checkpoint."""

    on_checkpoint: ClassVar[bool] = True


@dataclass
class InspectConfig(JobConfig):
    """A job that looks at a data set."""

    computes: ClassVar[bool] = False


@dataclass
class DoctorConfig(JobConfig):
    """A job that looks at the machine; what needs MindSpore it does in processes of their own."""

    computes: ClassVar[bool] = False


@dataclass
class PrepareConfig(InspectConfig):
    """A job that readies a data set."""

    writes_elsewhere: ClassVar[bool] = True


@dataclass
class ExtractingJobConfig(CheckpointJobConfig):
    """A job that extracts features."""

    exported: Optional[str] = None  # folder of job=export whose ONNX files give the features

    def __post_init__(self) -> None:
        named = "names nothing; give a folder that job=export wrote, or null"
        require(self.exported != "", "job.exported", "", named)


@dataclass
class FeatureJobConfig(ExtractingJobConfig):
    """A job that extracts the features of a test set."""

    flip: Optional[bool] = MISSING  # average features with the mirror image's; None: as in the run


@dataclass
class EvaluateConfig(FeatureJobConfig):
    """Scores of a checkpoint."""

    rerank: bool = MISSING  # k-reciprocal re-ranking
    allow_mismatch: bool = MISSING  # also on a split that the checkpoint was not trained for


@dataclass
class ExtractConfig(FeatureJobConfig):
    """Features of query and gallery into a file."""

    writes_elsewhere: ClassVar[bool] = True

    output: str = MISSING  # an .npz file

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_suffix("job.output", self.output, ".npz")


@dataclass
class IndexConfig(ExtractingJobConfig):
    """Features of a folder of images, kept beside the checkpoint."""

    writes_elsewhere: ClassVar[bool] = True

    gallery: str = MISSING  # a folder of images, nested or not
    gallery_modality: Modality = MISSING  # of its images
    dtype: Optional[Digits] = None  # of the features on disk; None: as they are, at first float32
    lists: bool = MISSING  # see that it has lists to search approximately by; once made they stay


@dataclass
class SearchConfig(ExtractingJobConfig):
    """One image sought in a folder of images, whose features are kept beside the checkpoint."""

    writes_elsewhere: ClassVar[bool] = True

    query: str = MISSING  # an image
    modality: Modality = MISSING  # the query's
    gallery: str = MISSING  # a folder of images, nested or not
    gallery_modality: Optional[Modality] = None  # None: the one that the query's is not
    approximate: bool = MISSING  # rank the images of the nearest lists alone, of job.lists=true


@dataclass
class ServeConfig(ExtractingJobConfig):
    """A page to search a folder of images with, whose features are kept beside the checkpoint."""

    writes_elsewhere: ClassVar[bool] = True

    gallery: str = MISSING  # a folder of images, nested or not
    gallery_modality: Modality = MISSING  # of its images
    approximate: bool = MISSING  # search the nearest lists alone, of job=index job.lists=true
    host: str = MISSING  # address to listen at; where other machines reach it, a token is wanted
    port: int = MISSING  # 0: any that is free
    token: bool = MISSING  # want one at an address of this machine's own, too
    upload: int = MISSING  # megabytes that an image sent may have
    pixels: int = MISSING  # millions that it may have
    rate: int = MISSING  # searches that one address may ask for in a minute

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.host != "", "job.host", "", "names nothing; use 127.0.0.1")
        require(0 <= self.port < 1 << 16, "job.port", self.port, "use 0 (any) to 65535")
        require(1 <= self.upload <= 256, "job.upload", self.upload, "use 1 to 256 (megabytes)")
        require(1 <= self.pixels <= 64, "job.pixels", self.pixels, "use 1 to 64 (millions)")
        require(1 <= self.rate <= 10**6, "job.rate", self.rate, "use 1 to 1,000,000 (a minute)")


@dataclass
class ImportConfig(JobConfig):
    """Foreign weights into a checkpoint of ours."""

    writes_elsewhere: ClassVar[bool] = True

    source: str = MISSING  # a file of foreign weights
    target: str = MISSING  # the checkpoint that is written

    def __post_init__(self) -> None:
        _require_suffix("job.target", self.target, ".ckpt")


@dataclass
class ExportConfig(CheckpointJobConfig):
    """A checkpoint's network into files that give its features without this framework."""

    writes_elsewhere: ClassVar[bool] = True

    format: ExportFormat = MISSING  # of the files
    target: str = MISSING  # the folder that the files are written into
    pixels: bool = MISSING  # uint8 pixels go in, and the file normalises them

    def __post_init__(self) -> None:
        require(self.target != "", "job.target", "", "names nothing; give a folder")


@dataclass
class ExportWeightsConfig(CheckpointJobConfig):
    """A checkpoint of ours into the names of the authors' release."""

    writes_elsewhere: ClassVar[bool] = True

    target: str = MISSING  # the .safetensors file that is written

    def __post_init__(self) -> None:
        _require_suffix("job.target", self.target, ".safetensors")


@dataclass
class ReportConfig(JobConfig):
    """What the runs in a folder say together."""

    computes: ClassVar[bool] = False
    writes_elsewhere: ClassVar[bool] = True

    folder: str = MISSING  # where runs and sweeps are


def _require_suffix(setting: str, path: str, suffix: str) -> None:
    require(Path(path).suffix == suffix, setting, path, f"is written as {suffix}; end its name so")


# Each job by its name: its settings here, its work in the module of that name in ``ddag/jobs/``.
JOBS: dict[str, type[JobConfig]] = {
    "train": JobConfig,
    "evaluate": EvaluateConfig,
    "visualize": CheckpointJobConfig,
    "index": IndexConfig,
    "search": SearchConfig,
    "serve": ServeConfig,
    "extract": ExtractConfig,
    "report": ReportConfig,
    "check": InspectConfig,
    "prepare": PrepareConfig,
    "profile": JobConfig,
    "methods": JobConfig,
    "doctor": DoctorConfig,
    "import_weights": ImportConfig,
    "export_weights": ExportWeightsConfig,
    "export": ExportConfig,
}
