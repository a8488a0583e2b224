"""What a run is made of: its settings, their types and limits. No MindSpore, no Hydra.

Values live in ``conf/``; the dataclasses here give each its type and refuse what cannot work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, TypeVar, cast

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.machine.run_folders import AUTO
from ddag.settings.choices import Mode, Target
from ddag.settings.data import AugmentationConfig, DataConfig, DatasetConfig, SamplerConfig
from ddag.settings.jobs import JobConfig
from ddag.settings.model import ModelConfig
from ddag.settings.training import LossConfig, OptimizerConfig, ScheduleConfig, TrainConfig

Job = TypeVar("Job", bound=JobConfig)


@dataclass
class DeviceConfig:
    """Where and how MindSpore computes."""

    target: Target = MISSING
    id: int = MISSING
    mode: Mode = MISSING
    threads: Optional[int] = None  # processors to compute on; None: the physical cores
    cache: Optional[str] = None  # folder of compiled graphs; None: compile anew

    def __post_init__(self) -> None:
        require(self.id >= 0, "device.id", self.id, "use 0 or more")
        if self.threads is not None:
            require(self.threads >= 1, "device.threads", self.threads, "use 1 or more, or null")


@dataclass
class SweepConfig:
    """How a sweep is begun."""

    list: bool = MISSING  # print its jobs and run none
    resume: Optional[str] = None  # folder of a sweep to resume


@dataclass
class Composed:
    """What Hydra checks while it composes: the groups whose type no choice changes."""

    tag: str = MISSING  # names the folder of outputs
    seed: int = MISSING
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


@dataclass
class Settings(Composed):
    """Everything a run is made of, each group as the type that its choice has."""

    dataset: DatasetConfig = MISSING
    model: ModelConfig = MISSING
    schedule: ScheduleConfig = MISSING
    job: JobConfig = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", self.seed, "use 0 to 2147483647")
        plain = self.tag.replace("-", "").replace("_", "").replace(".", "").isalnum()
        require(plain, "tag", repr(self.tag), "it names a folder; use letters, digits, - _ .")
        has_its_input = self.checkpoint is not None or not self.job.on_checkpoint
        needs = "needs checkpoint=PATH, a .ckpt of a run's checkpoints/"
        require(has_its_input, "job", self.job.name, needs)
        both = self.train.resume not in (None, AUTO) and self.model.pretrained is not None
        over = "its weights would replace those of model.pretrained; leave one of the two out"
        require(not both, "train.resume", self.train.resume, over)

    def job_as(self, kind: type[Job]) -> Job:
        """The job's settings as those of the kind that its module knows."""
        return cast(Job, self.job)
