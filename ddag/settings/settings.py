"""What a run is made of: its settings, their types and limits. No MindSpore, no Hydra.

Values live in ``conf/``; the dataclasses here give each its type and refuse what cannot work.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar, cast

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.machine.run_folders import AUTO, MAX_FOLDER_NAME
from ddag.machine.sharing import Share
from ddag.settings.choices import Mode, Precision, Target
from ddag.settings.data import AugmentationConfig, DataConfig, DatasetConfig, SamplerConfig
from ddag.settings.jobs import JobConfig
from ddag.settings.loggers import LoggerConfig
from ddag.settings.model import ModelConfig
from ddag.settings.training import LossConfig, OptimizerConfig, ScheduleConfig, TrainConfig
from ddag.storage import urls

Job = TypeVar("Job", bound=JobConfig)


def require_folder_name(tag: str) -> None:
    """Refuse a tag that is not the name of one folder."""
    plain = tag.replace("-", "").replace("_", "").replace(".", "").isalnum()
    names = "it names a folder; use letters, digits, - _ ."
    require(plain, "tag", repr(tag), names)
    long = f"{names}, {MAX_FOLDER_NAME} bytes at most"
    require(len(os.fsencode(tag)) <= MAX_FOLDER_NAME, "tag", repr(tag), long)


@dataclass
class DeviceConfig:
    """Where and how MindSpore computes."""

    target: Target = MISSING  # where MindSpore computes
    id: int = MISSING  # which of several devices
    mode: Mode = MISSING  # compiled, or operation by operation for debugging
    precision: Precision = MISSING  # of the backbone's convolutions; all else is float32
    workers: int = MISSING  # processes that share each batch of a training
    sync_bn: bool = MISSING  # whether the backbone's batch norms see the whole batch then
    accumulate: int = MISSING  # parts of a batch that go through the backbone one after the other
    threads: Optional[int] = None  # processors to compute on; None: the physical cores
    cache: Optional[str] = None  # folder of compiled graphs; None: compile anew

    def __post_init__(self) -> None:
        require(self.id >= 0, "device.id", self.id, "use 0 or more")
        runs = self.precision is not Precision.bf16 or self.target is not Target.CPU
        on_cpu = "MindSpore has no convolution of bfloat16 on the CPU; use fp32 or fp16"
        require(runs, "device.precision", self.precision, on_cpu)
        require(1 <= self.workers <= 1024, "device.workers", self.workers, "use 1 to 1024")
        accumulate = self.accumulate
        require(1 <= accumulate <= 1024, "device.accumulate", accumulate, "use 1 to 1024")
        apart = "the backbone's batch norms would see a part of a batch at a time, which is another"
        apart += " training; choose it by device.sync_bn=false"
        require(accumulate == 1 or not self.sync_bn, "device.accumulate", accumulate, apart)
        if self.threads is not None:
            require(self.threads >= 1, "device.threads", self.threads, "use 1 or more, or null")


@dataclass
class SweepConfig:
    """How a sweep is begun."""

    list: bool = MISSING  # print its jobs and run none
    resume: Optional[str] = None  # folder of a sweep to resume
    devices: Optional[int] = None  # shared out among jobs side by side; None: all use device.id

    def __post_init__(self) -> None:
        enough = self.devices is None or self.devices >= 1
        require(enough, "sweep.devices", self.devices, "use 1 or more, or null")


@dataclass
class ReportingConfig:
    """With what the report of a sweep or of ``job=report`` compares."""

    baseline: Optional[str] = None  # as typed, such as "model.part=0"; None: all branches off

    def __post_init__(self) -> None:
        words = (self.baseline or "").split()
        typed = "settings as they are typed, such as 'model.part=0 model.graph=false'"
        good = all(word.partition("=")[0] and "=" in word for word in words)
        require(good, "report.baseline", self.baseline, typed)


@dataclass
class OutputConfig:
    """Where what a run leaves goes beside its run folder."""

    mirror: Optional[str] = None  # URL in a store, such as s3://BUCKET/PATH; None: nowhere

    def __post_init__(self) -> None:
        if self.mirror is not None:
            urls.check("output.mirror", self.mirror)


@dataclass
class Composed:
    """What Hydra checks while it composes: the groups whose type no choice changes."""

    tag: str = MISSING  # names the folder of outputs
    seed: int = MISSING  # of everything random
    checkpoint: Optional[str] = None  # what a job other than train works on
    dataset: Any = MISSING
    data: DataConfig = MISSING
    sampler: SamplerConfig = MISSING
    augmentation: AugmentationConfig = MISSING
    model: Any = MISSING
    loss: LossConfig = MISSING
    optimizer: OptimizerConfig = MISSING
    schedule: Any = MISSING
    train: TrainConfig = MISSING
    device: DeviceConfig = MISSING
    job: Any = MISSING
    sweep: SweepConfig = MISSING
    report: ReportingConfig = MISSING
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


@dataclass
class Settings(Composed):
    """Everything a run is made of, each group as the type that its choice has."""

    dataset: DatasetConfig = MISSING
    model: ModelConfig = MISSING
    schedule: ScheduleConfig = MISSING
    job: JobConfig = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", self.seed, "use 0 to 2147483647")
        require_folder_name(self.tag)
        paths = {
            "checkpoint": self.checkpoint,
            "dataset.root": self.dataset.root,
            "device.cache": self.device.cache,
            "model.pretrained": self.model.pretrained,
            "train.resume": self.train.resume,
        }
        for key, path in paths.items():
            require(path != "", key, "", "names nothing; give a path, or leave it out")
        if urls.is_url(self.dataset.root):
            urls.check("dataset.root", self.dataset.root)
        typed = "a run is copied from a store for the command line alone; name a run folder"
        require(not urls.is_url(self.train.resume), "train.resume", self.train.resume, typed)
        self._check_checkpoint()
        self._check_shares()
        both = self.train.resume not in (None, AUTO) and self.model.pretrained is not None
        over = "its weights would replace those of model.pretrained; leave one of the two out"
        require(not both, "train.resume", self.train.resume, over)

    def _check_checkpoint(self) -> None:
        """Refuse a job without the checkpoint that it needs, and one that would ignore it."""
        if self.job.on_checkpoint:
            needs = "needs checkpoint=PATH, a .ckpt of a run's checkpoints/"
            require(self.checkpoint is not None, "job", self.job.name, needs)
            return
        unread = f"job={self.job.name} does not read it; "
        if self.job.name == "train":
            unread += "start from its weights by model.pretrained=PATH, or resume its run by"
            unread += " train.resume=PATH"
        else:
            unread += "leave it out"
        require(self.checkpoint is None, "checkpoint", self.checkpoint, unread)

    def _check_shares(self) -> None:
        """Refuse to divide batches for a job that trains nothing, or unevenly."""
        workers, parts = self.device.workers, self.device.accumulate
        trains = self.job.name == "train"
        alone = f"job={self.job.name} runs in one process; leave it out"
        require(workers == 1 or trains, "device.workers", workers, alone)
        whole = f"job={self.job.name} trains in no parts; leave it out"
        require(parts == 1 or trains, "device.accumulate", parts, whole)
        samples = self.sampler.identities * self.sampler.images
        Share(0, workers).rows(samples)
        uneven = f"a process has {samples // workers} samples of a batch, of sampler.identities *"
        uneven += " sampler.images, which do not divide into as many parts; use numbers that divide"
        require(samples // workers % parts == 0, "device.accumulate", parts, uneven)

    def job_as(self, kind: type[Job]) -> Job:
        """The job's settings as those of the kind that its module knows."""
        return cast(Job, self.job)
