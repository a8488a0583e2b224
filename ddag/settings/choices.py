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

RANKS = 20  # of a CMC


class Choice(Enum):
    """One of a closed choice, which says itself as users type it, as in Tab completion."""

    def __str__(self) -> str:
        return self.name


class Modality(str, Choice):
    """What kind of camera took an image, and so which stem of the network it goes through."""

    visible = "visible"
    infrared = "infrared"


class Backbone(Choice):
    """The two-stream ResNet's depth."""

    resnet18 = "resnet18"
    resnet50 = "resnet50"


class Pooling(Choice):
    """What mean over the last feature map makes a feature of it."""

    avg = "avg"
    gem = "gem"


class InnerWidth(Choice):
    """In how many channels a non-local block compares the places of a map."""

    single = "single"
    half = "half"


class Triplet(Choice):
    """What the triplet loss compares."""

    hard = "hard"
    center = "center"
    weighted = "weighted"
    squared = "squared"


class Erasing(Choice):
    """By whose rule a rectangle of an image is erased; see ``data/erasing.py``."""

    zhong = "zhong"
    caj = "caj"


class Attention(Choice):
    """By what the parts of an image attend to each other."""

    paper = "paper"
    normalised = "normalised"
    uniform = "uniform"


class GraphInput(Choice):
    """Which feature of an image graph attention reads."""

    pooled = "pooled"
    neck = "neck"


class GraphEdges(Choice):
    """Which images of a batch graph attention links."""

    identity = "identity"
    self = "self"


class OptimizerKind(Choice):
    """How gradients move the weights."""

    adam = "adam"
    sgd = "sgd"


class ScheduleKind(Choice):
    """How the learning rate changes by epoch."""

    warmup_decay = "warmup_decay"
    cosine = "cosine"
    constant = "constant"


class OnNan(Choice):
    """What a run does at a step whose loss or gradient is not finite."""

    stop = "stop"
    skip = "skip"


class Broken(Choice):
    """What happens with images that cannot be read."""

    refuse = "refuse"
    skip = "skip"


class Target(Choice):
    """MindSpore's names of devices."""

    CPU = "CPU"
    GPU = "GPU"
    Ascend = "Ascend"


class Precision(Choice):
    """In which numbers the backbone convolves."""

    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"


class ExportFormat(Choice):
    """What kind of file a network is exported to."""

    onnx = "onnx"
    mindir = "mindir"


class Digits(Choice):
    """In how many digits numbers are kept."""

    float16 = "float16"
    float32 = "float32"


class Mode(Choice):
    """MindSpore's modes: one compiled graph, or operation by operation for debugging."""

    graph = "graph"
    pynative = "pynative"
