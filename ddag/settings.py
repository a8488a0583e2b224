"""What an experiment is: its settings, their types and limits. No MindSpore, no Hydra.

Values live in ``conf/``; the dataclasses here give each its type and refuse what cannot work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.choices import (
    Backbone,
    Direction,
    Gallery,
    LossKind,
    Mode,
    OptimizerKind,
    ScheduleKind,
    Search,
    Target,
    Triplet,
)
from ddag.errors import InputError
from ddag.job_settings import JobConfig
from ddag.metrics import TITLES
from ddag.model.shape import map_size


def _require(holds: bool, setting: str, value: object, remedy: str) -> None:
    if not holds:
        raise InputError(f"{setting}={value}: {remedy}")


@dataclass
class PeopleConfig:
    """How many people are generated where a data set is made rather than given."""

    identities: int = MISSING
    pictures: int = MISSING  # of each identity: by modality (RegDB) or camera (SYSU-MM01)
    seed: int = MISSING

    def __post_init__(self) -> None:
        name = "dataset.generate"
        _require(4 <= self.identities <= 7000, f"{name}.identities", self.identities, "use 4-7000")
        _require(self.pictures >= 1, f"{name}.pictures", self.pictures, "use 1 or more")
        _require(self.seed >= 0, f"{name}.seed", self.seed, "use 0 or more")


@dataclass
class DatasetConfig:
    """Where the pictures are."""

    name: str = MISSING
    root: str = MISSING
    generate: Optional[PeopleConfig] = None  # None: a real set, never written to


@dataclass
class RegdbConfig(DatasetConfig):
    """RegDB, or people generated in its layout."""

    trial: int = MISSING
    direction: Direction = MISSING

    def __post_init__(self) -> None:
        _require(1 <= self.trial <= 10, "dataset.trial", self.trial, "RegDB has splits 1 to 10")


@dataclass
class SysuConfig(DatasetConfig):
    """SYSU-MM01, or people generated in its layout."""

    search: Search = MISSING
    shots: int = MISSING  # gallery pictures of an identity and camera
    gallery: Gallery = MISSING

    def __post_init__(self) -> None:
        _require(self.shots in (1, 10), "dataset.shots", self.shots, "the protocol has 1 and 10")


@dataclass
class DataConfig:
    """How pictures are read, whatever the data set."""

    height: int = MISSING  # pixels
    width: int = MISSING
    test_batch: int = MISSING
    workers: int = MISSING  # threads that augment

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            _require(16 <= size <= 2048, f"data.{name}", size, "use 16 to 2048 pixels")
        _require(self.test_batch >= 1, "data.test_batch", self.test_batch, "use 1 or more")
        _require(1 <= self.workers <= 64, "data.workers", self.workers, "use 1 to 64")


@dataclass
class SamplerConfig:
    """A batch is identities x images x 2 modalities."""

    identities: int = MISSING
    images: int = MISSING

    def __post_init__(self) -> None:
        few = "a triplet needs two identities; use 2 or more"
        _require(self.identities >= 2, "sampler.identities", self.identities, few)
        _require(self.images >= 1, "sampler.images", self.images, "use 1 or more")


@dataclass
class AugmentationConfig:
    """What a training picture goes through, each step its own switch."""

    crop: int = MISSING  # pixels of padding, from which the size is cut out anywhere; 0: off
    flip: bool = MISSING  # left to right, every other picture
    grayscale: float = MISSING  # probability, visible pictures
    erasing: float = MISSING  # probability of a blank rectangle

    def __post_init__(self) -> None:
        _require(0 <= self.crop <= 512, "augmentation.crop", self.crop, "use 0 (off) to 512 pixels")
        for name in ("grayscale", "erasing"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"augmentation.{name}", value, "a probability, 0 to 1")


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
        _require(self.part >= 0, "model.part", self.part, "use 0 (off) or more")
        _require(self.low_dim >= 1, "model.low_dim", self.low_dim, "use 1 or more")
        _require(self.heads >= 1, "model.heads", self.heads, "use 1 or more")
        _require(0 <= self.dropout < 1, "model.dropout", self.dropout, "use 0 up to, not with, 1")


@dataclass
class LossConfig:
    """L_P of the paper: which of its terms."""

    kind: LossKind = MISSING
    triplet: Triplet = MISSING
    margin: float = MISSING

    def __post_init__(self) -> None:
        _require(self.margin >= 0, "loss.margin", self.margin, "use 0 or more")


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
            _require(0 <= value < 1e6, f"optimizer.{name}", value, "use a number of 0 or more")


@dataclass
class ScheduleConfig:
    """The learning rate by epoch, as a factor of ``optimizer.lr``."""

    kind: ScheduleKind = MISSING
    warmup: int = MISSING  # epochs until the full rate
    start_decay: int = MISSING  # first epoch at a tenth
    end_decay: int = MISSING  # first epoch at a hundredth

    def __post_init__(self) -> None:
        _require(self.warmup >= 0, "schedule.warmup", self.warmup, "use 0 or more epochs")
        if self.kind is not ScheduleKind.warmup_decay:
            return
        ordered = self.warmup <= self.start_decay <= self.end_decay
        rates = f"{self.start_decay} (end_decay={self.end_decay}, warmup={self.warmup})"
        _require(ordered, "schedule.start_decay", rates, "need warmup <= start_decay <= end_decay")


@dataclass
class TrainConfig:
    """How long training is, and what is kept of it."""

    epochs: int = MISSING
    steps: Optional[int] = None  # of an epoch; None: as many as the pictures give
    eval_every: int = MISSING  # epochs; 0: at the end only
    eval_start: bool = MISSING  # also before the first step, to show what training adds
    save_every: int = MISSING  # epochs between checkpoints that stay; 0: best and last only
    monitor: Optional[str] = None  # what makes a checkpoint the best; None: Rank-1
    resume: Optional[str] = None  # checkpoint to go on from

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "train.epochs", self.epochs, "use 1 or more")
        _require(self.eval_every >= 0, "train.eval_every", self.eval_every, "use 0 or more")
        _require(self.save_every >= 0, "train.save_every", self.save_every, "use 0 or more")
        if self.steps is not None:
            _require(self.steps >= 1, "train.steps", self.steps, "use 1 or more, or null")


@dataclass
class DeviceConfig:
    """Where and how MindSpore computes."""

    target: Target = MISSING
    id: int = MISSING
    mode: Mode = MISSING

    def __post_init__(self) -> None:
        _require(self.id >= 0, "device.id", self.id, "use 0 or more")


ON_A_CHECKPOINT = ("evaluate", "extract", "export_weights")


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

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**31, "seed", self.seed, "use 0 to 2147483647")
        plain = self.tag.replace("-", "").replace("_", "").replace(".", "").isalnum()
        _require(plain, "tag", repr(self.tag), "it names a folder; use letters, digits, - _ .")
        rows = map_size(self.data.height)
        tall = f"pictures {self.data.height} high have {rows} rows in the last map; use at most"
        _require(self.model.part <= rows, "model.part", self.model.part, f"{tall} {rows}")
        job, needs = self.job.name, "needs checkpoint=PATH, a .ckpt of a run's checkpoints/"
        _require(self.checkpoint is not None or job not in ON_A_CHECKPOINT, "job", job, needs)
        branch, _, figure = self.monitor.partition("/")
        known = branch in self.features and figure in TITLES
        remedy = f"use one of {', '.join(self.features)}, a slash and one of {', '.join(TITLES)}"
        _require(known, "train.monitor", self.monitor, remedy)

    @property
    def features(self) -> tuple[str, ...]:
        """Test features that the network has."""
        return ("feat", "feat_att") if self.model.part else ("feat",)

    @property
    def monitor(self) -> str:
        """The figure that makes a checkpoint the best, such as ``feat_att/rank1``."""
        return self.train.monitor or f"{self.features[-1]}/rank1"
