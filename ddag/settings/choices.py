"""The closed choices among the settings, by the words that users type."""

from __future__ import annotations

from enum import Enum

# The scores of a ranking, and their titles.
TITLES = {
    "rank1": "Rank-1",
    "rank5": "Rank-5",
    "rank10": "Rank-10",
    "rank20": "Rank-20",
    "mAP": "mAP",
    "mINP": "mINP",
}


class Modality(str, Enum):
    """What kind of camera took an image, and so which stem of the network it goes through."""

    visible = "visible"
    infrared = "infrared"


class Backbone(Enum):
    """The two-stream ResNet's depth."""

    resnet18 = "resnet18"
    resnet50 = "resnet50"


class Triplet(Enum):
    """What the triplet loss compares."""

    hard = "hard"
    center = "center"


class OptimizerKind(Enum):
    """How gradients move the weights."""

    adam = "adam"
    sgd = "sgd"


class ScheduleKind(Enum):
    """How the learning rate changes by epoch."""

    warmup_decay = "warmup_decay"
    cosine = "cosine"
    constant = "constant"


class OnNan(Enum):
    """What a run does at a step whose loss or gradient is not finite."""

    stop = "stop"
    skip = "skip"


class Broken(Enum):
    """What happens with images that cannot be read."""

    refuse = "refuse"
    skip = "skip"


class Target(Enum):
    """MindSpore's names of devices."""

    CPU = "CPU"
    GPU = "GPU"
    Ascend = "Ascend"


class Mode(Enum):
    """MindSpore's modes: one compiled graph, or operation by operation for debugging."""

    graph = "graph"
    pynative = "pynative"
