"""What an experiment is: its settings, their types and limits. No MindSpore, no Hydra.

Values live in ``conf/``; the dataclasses here give each its type and refuse what cannot work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.machine.run_folders import AUTO
from ddag.model.shape import map_size
from ddag.settings.choices import (
    TITLES,
    Backbone,
    LossKind,
    Mode,
    OnNan,
    OptimizerKind,
    ScheduleKind,
    Target,
    Triplet,
)
from ddag.settings.data import AugmentationConfig, DataConfig, DatasetConfig, SamplerConfig
from ddag.settings.jobs import JobConfig


@dataclass
class ModelConfig:
    """Which branches the network has, and how wide they are."""

    backbone: Backbone = MISSING
    part: int = MISSING  # horizontal stripes of IWPA; 0 leaves the branch out
    graph: bool = MISSING  # CGSA over the batch, training only
    low_dim: int = MISSING  # features of a graph-attention head
    heads: int = MISSING  # of graph attention
    dropout: float = MISSING  # of graph attention
    pretrained: Optional[str] = None  # weights to start from

    def __post_init__(self) -> None:
        require(self.part >= 0, "model.part", self.part, "use 0 (off) or more")
        require(1 <= self.low_dim <= 8192, "model.low_dim", self.low_dim, "use 1 to 8192")
        require(1 <= self.heads <= 64, "model.heads", self.heads, "use 1 to 64")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "use 0 up to, not with, 1")


@dataclass
class LossConfig:
    """L_P of the paper: which of its terms."""

    kind: LossKind = MISSING
    triplet: Triplet = MISSING
    margin: float = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.margin < 1e6, "loss.margin", self.margin, "use a number of 0 or more")


@dataclass
class OptimizerConfig:
    """How the weights move."""

    kind: OptimizerKind = MISSING
    lr: float = MISSING  # of the heads
    backbone_scale: float = MISSING  # the backbone's rate as a share of it
    weight_decay: float = MISSING

    def __post_init__(self) -> None:
        for name in ("lr", "backbone_scale", "weight_decay"):
            value = getattr(self, name)
            require(0 <= value < 1e6, f"optimizer.{name}", value, "use a number of 0 or more")


@dataclass
class ScheduleConfig:
    """The learning rate by epoch, as a factor of ``optimizer.lr``."""

    kind: ScheduleKind = MISSING
    warmup: int = MISSING  # epochs until the full rate
    start_decay: int = MISSING  # first epoch at a tenth
    end_decay: int = MISSING  # first epoch at a hundredth

    def __post_init__(self) -> None:
        require(self.warmup >= 0, "schedule.warmup", self.warmup, "use 0 or more epochs")
        if self.kind is not ScheduleKind.warmup_decay:
            return
        ordered = self.warmup <= self.start_decay <= self.end_decay
        rates = f"{self.start_decay} (end_decay={self.end_decay}, warmup={self.warmup})"
        require(ordered, "schedule.start_decay", rates, "need warmup <= start_decay <= end_decay")


@dataclass
class TrainConfig:
    """How long training is, and what is kept of it."""

    epochs: int = MISSING
    steps: Optional[int] = None  # of an epoch; None: as many as the images give
    eval_every: int = MISSING  # epochs; 0: at the end only
    eval_start: bool = MISSING  # also before the first step, to show what training adds
    save_every: int = MISSING  # epochs between checkpoints that stay; 0: best and last only
    save_every_steps: int = MISSING  # steps between checkpoints inside an epoch; 0: at its end
    monitor: Optional[str] = None  # what makes a checkpoint the best; None: Rank-1
    resume: Optional[str] = None  # run folder or checkpoint to go on from, or auto
    on_nan: OnNan = MISSING  # what a loss that is not finite does

    def __post_init__(self) -> None:
        require(1 <= self.epochs <= 10_000, "train.epochs", self.epochs, "use 1 to 10000")
        require(self.eval_every >= 0, "train.eval_every", self.eval_every, "use 0 or more")
        for name in ("save_every", "save_every_steps"):
            require(getattr(self, name) >= 0, f"train.{name}", getattr(self, name), "use 0 or more")
        if self.steps is not None:
            require(self.steps >= 1, "train.steps", self.steps, "use 1 or more, or null")


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
    resume: Optional[str] = None  # folder of a sweep to go on with


ON_A_CHECKPOINT = ("evaluate", "visualize", "search", "extract", "export_weights")


@dataclass
class Settings:
    """Everything a run is made of."""

    tag: str = MISSING  # names the folder of outputs
    seed: int = MISSING
    checkpoint: Optional[str] = None  # what a job other than train works on
    dataset: DatasetConfig = MISSING
    data: DataConfig = MISSING
    sampler: SamplerConfig = MISSING
    augmentation: AugmentationConfig = MISSING
    model: ModelConfig = MISSING
    loss: LossConfig = MISSING
    optimizer: OptimizerConfig = MISSING
    schedule: ScheduleConfig = MISSING
    train: TrainConfig = MISSING
    device: DeviceConfig = MISSING
    job: JobConfig = MISSING
    sweep: SweepConfig = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", self.seed, "use 0 to 2147483647")
        plain = self.tag.replace("-", "").replace("_", "").replace(".", "").isalnum()
        require(plain, "tag", repr(self.tag), "it names a folder; use letters, digits, - _ .")
        rows = map_size(self.data.height)
        tall = f"images {self.data.height} high have {rows} rows in the last map; use at most"
        require(self.model.part <= rows, "model.part", self.model.part, f"{tall} {rows}")
        job, needs = self.job.name, "needs checkpoint=PATH, a .ckpt of a run's checkpoints/"
        require(self.checkpoint is not None or job not in ON_A_CHECKPOINT, "job", job, needs)
        both = self.train.resume not in (None, AUTO) and self.model.pretrained is not None
        over = "its weights would replace those of model.pretrained; leave one of the two out"
        require(not both, "train.resume", self.train.resume, over)
        branch, _, figure = self.monitor.partition("/")
        known = branch in self.features and figure in TITLES
        remedy = f"use one of {', '.join(self.features)}, a slash and one of {', '.join(TITLES)}"
        require(known, "train.monitor", self.monitor, remedy)

    @property
    def features(self) -> tuple[str, ...]:
        """Test features that the network has."""
        return ("feat", "feat_att") if self.model.part else ("feat",)

    @property
    def monitor(self) -> str:
        """The figure that makes a checkpoint the best, such as ``feat_att/rank1``."""
        return self.train.monitor or f"{self.features[-1]}/rank1"
