"""Whose weights a file holds, and what each of its entries is called in our network. NumPy only.

Shapes: C channels, K heads of graph attention, F features a head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Optional

import numpy as np

from ddag.machine.errors import InputError


class Kind(Enum):
    """Whose names the entries have; the value is how a message calls it."""

    RESNET = "a ResNet"
    ORIGINAL = "the authors' DDAG"
    OURS = "a network of this framework"


@dataclass(frozen=True)
class Translation:
    """A file's entries under our network's names.

    Attributes:
        kind: whose names the file has.
        values: arrays by our names.
        origins: for each of ``values`` the entries of the file that it comes from.
        ignored: entries of the file that are no weights of the network, and why.
    """

    kind: Kind
    values: dict[str, np.ndarray]
    origins: dict[str, tuple[str, ...]]
    ignored: dict[str, str]


# A beginning that some name of every file of its kind has.
_SIGNS = (
    (Kind.OURS, "backbone.shared."),
    (Kind.ORIGINAL, "base_resnet.base."),
    (Kind.RESNET, "layer1.0."),
)

_COUNTER = (r"\bnum_batches_tracked$", "PyTorch's count of batches, not a weight")
_IGNORED = {
    Kind.RESNET: (
        _COUNTER,
        # torchvision and timm; MindSpore's model zoo; mindcv.
        (r"^(fc|end_point|classifier)\.", "the classes it was trained on"),
        (
            r"^(moments|accum|momentum|learning_rate|loss_scale|scale_sense|global_step"
            r"|epoch_num|step_num|(current|last_overflow)_iterator_step)(\.|$)",
            "the state of its training",
        ),
    ),
    Kind.ORIGINAL: (
        _COUNTER,
        (
            r"^(visible_module\.visible|thermal_module\.thermal)\.(layer\d|fc)\.",
            "dead: of a stem's ResNet the authors use conv1 and bn1 only",
        ),
        (
            r"^base_resnet\.base\.(conv1|bn1|fc)\.",
            "dead: of the shared ResNet the authors use layer1 to layer4 only",
        ),
        (r"^(classifier[12]|wpa\.W)\.", "dead: the authors' network never uses it"),
    ),
    Kind.OURS: (
        (r"^optimizer\.", "the optimiser's state"),
        (r"^ddag\.meta$", "the training's progress"),
        (r"^ddag\.sha256$", "the checkpoint's fingerprint"),
    ),
}

# The authors' beginnings of names and ours; the first that fits counts.
_PREFIXES = (
    ("visible_module.visible.", "backbone.visible."),
    ("thermal_module.thermal.", "backbone.infrared."),
    ("base_resnet.base.", "backbone.shared."),
    ("wpa.fc1.0.", "part.query."),
    ("wpa.fc2.", "part.key."),
    ("wpa.fc3.", "part.value."),
    ("wpa.", "part."),
)
_GRAPH_LEAVES = {"W": "weight", "a": "attention"}
_BATCH_NORM_LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_BATCH_NORM = re.compile(r"(?:(?:^|\.)bn\d|\.downsample\.1|(?:^|\.)bottleneck)\.(\w+)$")

_NORM = "(gamma|beta|moving_mean|moving_variance)"
_OUR_NAMES = re.compile(
    rf"backbone\.(visible|infrared)\.(conv1\.weight|bn1\.{_NORM})"
    rf"|backbone\.shared\.layer[1-4]\.\d+\.(conv\d\.weight|bn\d\.{_NORM}"
    rf"|downsample\.0\.weight|downsample\.1\.{_NORM})"
    rf"|(part\.)?bottleneck\.{_NORM}|classifier\.weight"
    r"|part\.(gate|(query|key|value)\.(weight|bias))"
    r"|graph\.(first|second)\.(weight|attention)"
)


def translate(weights: dict[str, np.ndarray], source: str) -> Translation:
    """Find out whose weights these are and give them our names.

    Args:
        weights: a file's arrays by its names.
        source: what the weights are to the user, such as ``model.pretrained=PATH``.

    Raises:
        InputError: the weights are of something else, or not numbers.
    """
    # What torch.nn.DataParallel puts before every name.
    weights = {name[7:] if name.startswith("module.") else name: weights[name] for name in weights}
    kind = _recognise(weights, source)
    ignored: dict[str, str] = {}
    pieces: dict[str, dict[int, str]] = {}  # our name -> head -> the file's name
    for name in weights:
        why = _reason_to_ignore(name, kind)
        if why is not None:
            ignored[name] = why
            continue
        for ours, head in _places(name, kind, source):
            if pieces.setdefault(ours, {}).setdefault(head, name) != name:
                raise InputError(f"{source}: {name} and {pieces[ours][head]} are the same weight")
    values = {ours: _assemble(ours, heads, weights, source) for ours, heads in pieces.items()}
    origins = {ours: tuple(heads.values()) for ours, heads in pieces.items()}
    return Translation(kind, values, origins, ignored)


def to_original(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our network's weights under the names and in the shapes of the authors' network."""
    state = {}
    for name, value in values.items():
        graph = re.fullmatch(r"graph\.(first|second)\.(weight|attention)", name)
        if graph:
            state.update(_graph_to_original(graph[1], graph[2], value))
            continue
        if re.fullmatch(r"part\.(query|key|value)\.weight", name):
            value = value[:, :, None, None]  # (C, C) to the 1x1 convolution (C, C, 1, 1)
        theirs = _swap_prefix(name, ((ours, theirs) for theirs, ours in _PREFIXES))
        state[_swap_leaf(theirs, {ours: leaf for leaf, ours in _BATCH_NORM_LEAVES.items()})] = value
        if name.endswith("moving_variance"):
            counter = theirs[: -len("moving_variance")] + "num_batches_tracked"
            state[counter] = np.zeros((), np.int64)
    return state


def _graph_to_original(layer: str, leaf: str, value: np.ndarray) -> dict[str, np.ndarray]:
    """Each head of ``(K, ...)`` is a layer of its own there."""
    theirs = {ours: theirs for theirs, ours in _GRAPH_LEAVES.items()}[leaf]
    if layer == "second":
        return {f"out_att.{theirs}": value[0]}
    return {f"attention_{head}.{theirs}": each for head, each in enumerate(value)}


def _recognise(weights: dict[str, np.ndarray], source: str) -> Kind:
    for kind, beginning in _SIGNS:
        if any(name.startswith(beginning) for name in weights):
            return kind
    what = f"begins with {next(iter(weights))}" if weights else "holds no arrays"
    raise InputError(
        f"{source}: {what}: neither a ResNet nor a DDAG;"
        " use weights of torchvision, timm, mindcv, MindSpore's model zoo, the authors or a run"
    )


def _reason_to_ignore(name: str, kind: Kind) -> Optional[str]:
    return next((why for pattern, why in _IGNORED[kind] if re.search(pattern, name)), None)


def _places(name: str, kind: Kind, source: str) -> list[tuple[str, int]]:
    """Where an entry of a file goes: our names, and as which head there."""
    if kind is Kind.RESNET:
        places = [(ours, 0) for ours in _from_resnet(name)]
    elif kind is Kind.ORIGINAL:
        places = [_from_original(name)]
    else:
        places = [(name, 0)]
    if not all(_OUR_NAMES.fullmatch(ours) for ours, _ in places):
        raise InputError(
            f"{source}: {name} is no part of DDAG or its ResNet: the weights of another network;"
            " use those of a plain ResNet or of a DDAG"
        )
    return places


def _from_resnet(name: str) -> list[str]:
    """ImageNet knows one stem, which both of ours start from.

    Source: torchvision and timm; MindSpore's model zoo, official/cv/ResNet/src/resnet.py
    (``down_sample_layer``; in its ResNet-18 ``bn1d``); mindcv/models/resnet.py (``down_sample``).
    """
    name = re.sub(r"\.down_sample(_layer)?\.", ".downsample.", name)
    name = _swap_leaf(re.sub(r"\.bn(\d)d\.", r".bn\1.", name), _BATCH_NORM_LEAVES)
    if name.startswith("layer"):
        return ["backbone.shared." + name]
    return ["backbone.visible." + name, "backbone.infrared." + name]


def _from_original(name: str) -> tuple[str, int]:
    graph = re.fullmatch(r"(?:attention_(\d+)|(out_att))\.(W|a)", name)
    if graph:
        layer = "second" if graph[2] else "first"
        return f"graph.{layer}.{_GRAPH_LEAVES[graph[3]]}", int(graph[1] or 0)
    return _swap_leaf(_swap_prefix(name, _PREFIXES), _BATCH_NORM_LEAVES), 0


def _swap_prefix(name: str, prefixes: Iterable[tuple[str, str]]) -> str:
    for old, new in prefixes:
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def _swap_leaf(name: str, leaves: dict[str, str]) -> str:
    """The last part of a batch norm's name under its other name."""
    norm = _BATCH_NORM.search(name)
    return name[: norm.start(1)] + leaves.get(norm[1], norm[1]) if norm else name


def _assemble(
    ours: str, heads: dict[int, str], weights: dict[str, np.ndarray], source: str
) -> np.ndarray:
    """The value of one of our weights from its entries in the file."""
    for name in heads.values():
        if weights[name].dtype.kind != "f":
            raise InputError(f"{source}: {name} holds {weights[name].dtype}, not float numbers")
    first = weights[heads[min(heads)]]
    if not re.fullmatch(r"out_att.*|attention_.*", heads[min(heads)]):
        is_convolution = ours.startswith("part.") and first.shape[2:] == (1, 1)
        return first[:, :, 0, 0] if is_convolution else first
    for head in range(max(heads) + 1):
        if head not in heads:
            raise InputError(f"{source}: head {head} of {ours} is missing among {len(heads)}")
        if weights[heads[head]].shape != first.shape:
            raise InputError(
                f"{source}: {heads[head]} has shape {weights[heads[head]].shape},"
                f" {heads[0]} {first.shape}; the heads must be alike"
            )
    return np.stack([weights[heads[head]] for head in range(len(heads))])
