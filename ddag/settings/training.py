"""Settings of how a network is trained: loss, optimiser, schedule, length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import OnNan, OptimizerKind, ScheduleKind, Triplet


@dataclass
class LossConfig:
    """The terms that methods share, each with its own switch."""

    identity: bool = MISSING  # cross-entropy of the global feature
    triplet: Optional[Triplet] = MISSING  # None leaves it out
    margin: float = MISSING  # of the triplet losses hard and center
    smoothing: float = MISSING  # share of the target that all identities get alike

    def __post_init__(self) -> None:
        require(0 <= self.margin < 1e6, "loss.margin", self.margin, "use a number of 0 or more")
        require(0 <= self.smoothing < 1, "loss.smoothing", self.smoothing, "use 0 (off) to below 1")


@dataclass
class OptimizerConfig:
    """How the weights move."""

    kind: OptimizerKind = MISSING
    lr: float = MISSING  # of the heads
    backbone_scale: float = MISSING  # the backbone's rate as a share of it
    graph_scale: float = MISSING  # graph attention's rate as a share of it
    weight_decay: float = MISSING  # of the optimiser
    clip: Optional[float] = None  # the longest that all gradients together may be; None: any

    def __post_init__(self) -> None:
        if self.clip is not None:
            positive = "use a number above 0, or null"
            require(0 < self.clip < 1e12, "optimizer.clip", self.clip, positive)
        for name in ("lr", "backbone_scale", "graph_scale", "weight_decay"):
            value = getattr(self, name)
            require(0 <= value < 1e6, f"optimizer.{name}", value, "use a number of 0 or more")


@dataclass
class ScheduleConfig:
    """The learning rate by epoch, as a factor of ``optimizer.lr``; alone, the same throughout."""

    kind: ScheduleKind = MISSING


@dataclass
class CosineConfig(ScheduleConfig):
    """Half a cosine towards 0."""

    warmup: int = MISSING  # epochs until the full rate

    def __post_init__(self) -> None:
        require(self.warmup >= 0, "schedule.warmup", self.warmup, "use 0 or more epochs")


@dataclass
class WarmupDecayConfig(CosineConfig):
    """Two steps down."""

    start_decay: int = MISSING  # first epoch at a tenth
    end_decay: int = MISSING  # first epoch at a hundredth

    def __post_init__(self) -> None:
        super().__post_init__()
        ordered = self.warmup <= self.start_decay <= self.end_decay
        rates = f"{self.start_decay} (end_decay={self.end_decay}, warmup={self.warmup})"
        require(ordered, "schedule.start_decay", rates, "need warmup <= start_decay <= end_decay")


SCHEDULES: dict[ScheduleKind, type[ScheduleConfig]] = {
    ScheduleKind.warmup_decay: WarmupDecayConfig,
    ScheduleKind.cosine: CosineConfig,
    ScheduleKind.constant: ScheduleConfig,
}


@dataclass
class TrainConfig:
    """How long a run trains, and what is kept of it."""

    epochs: int = MISSING  # at most
    steps: Optional[int] = None  # of an epoch; None: as many as the images give
    eval_every: int = MISSING  # epochs; 0: at the end only
    eval_start: bool = MISSING  # also before the first step, to show what training adds
    save_every: int = MISSING  # epochs between checkpoints that stay; 0: best and last only
    save_every_steps: int = MISSING  # steps between checkpoints inside an epoch; 0: at its end
    monitor: Optional[str] = None  # what makes a checkpoint the best; None: Rank-1
    patience: int = MISSING  # epochs without a better one, after which a run ends; 0: none
    ema: float = MISSING  # decay of the weights' average, by which a run evaluates; 0: none
    # Run folder, here or by its URL in a store, or checkpoint to resume; or auto.
    resume: Optional[str] = None
    on_nan: OnNan = MISSING  # what a loss that is not finite does

    def __post_init__(self) -> None:
        require(1 <= self.epochs <= 10_000, "train.epochs", self.epochs, "use 1 to 10000")
        require(self.eval_every >= 0, "train.eval_every", self.eval_every, "use 0 or more")
        require(self.patience >= 0, "train.patience", self.patience, "use 0 (off) or more epochs")
        looks = self.patience == 0 or self.eval_every > 0
        require(looks, "train.patience", self.patience, "it needs train.eval_every=1 or more")
        require(0 <= self.ema < 1, "train.ema", self.ema, "use 0 (off) to below 1, such as 0.999")
        for name in ("save_every", "save_every_steps"):
            require(getattr(self, name) >= 0, f"train.{name}", getattr(self, name), "use 0 or more")
        if self.steps is not None:
            require(self.steps >= 1, "train.steps", self.steps, "use 1 or more, or null")
