"""Whose weights a file holds, and what each of its entries is called in our network. NumPy only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from ddag.machine.errors import InputError

Arrays = dict[str, np.ndarray]
Shapes = dict[str, "tuple[int, ...]"]


class Kind(Enum):
    """Whose names the entries have; the value is how a message calls it."""

    RESNET = "a ResNet"
    ORIGINAL = "the authors' network"
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
    values: Arrays
    origins: dict[str, tuple[str, ...]]
    ignored: dict[str, str]


# Beginnings of which every file of its kind has some name.
_SIGNS = (
    (Kind.OURS, ("backbone.shared.", "backbone.visible.")),
    (Kind.ORIGINAL, ("base_resnet.base.", "visible_module.visible.")),
    (Kind.RESNET, ("layer1.0.",)),
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
    Kind.ORIGINAL: (_COUNTER,),
    Kind.OURS: (
        (r"^optimizer\.", "the optimiser's state"),
        (r"^ddag\.meta$", "the training's progress"),
        (r"^ddag\.sha256$", "the checkpoint's fingerprint"),
    ),
}
_BATCH_NORM_LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_BATCH_NORM = re.compile(r"(?:(?:^|\.)bn\d|\.downsample\.1|(?:^|\.)bottleneck|\.norm)\.(\w+)$")
NORM = "(gamma|beta|moving_mean|moving_variance)"  # pattern of the leaves of a batch norm of ours


class Names:
    """What a method's parameters are called by us and by its authors: here, the baseline's.

    The two-stream ResNet, its neck and the classifier, which the methods of these authors share; a
    method with more overrides what differs.
    """

    # What a network is made of, and what a reader calls it; see ``branch``.
    branches: ClassVar[Mapping[str, str]] = {
        "backbone": "two-stream ResNet",
        "bottleneck": "neck",
        "classifier": "classifier",
    }
    optional: tuple[str, ...] = ()  # branches that evaluation does without
    by_identity: tuple[str, ...] = ("classifier.weight",)  # shaped by the number of identities
    # Names of our parameters.
    ours: tuple[str, ...] = (
        rf"backbone\.(visible|infrared)\.(conv1\.weight|bn1\.{NORM})",
        rf"backbone\.(visible|infrared|shared)\.layer[1-4]\.\d+\.(conv\d\.weight|bn\d\.{NORM}"
        rf"|downsample\.0\.weight|downsample\.1\.{NORM})",
        rf"bottleneck\.{NORM}|classifier\.weight",
    )
    # The authors' beginnings of names and ours; the first that fits counts.
    prefixes: tuple[tuple[str, str], ...] = (
        ("visible_module.visible.", "backbone.visible."),
        ("thermal_module.thermal.", "backbone.infrared."),
        ("base_resnet.base.", "backbone.shared."),
    )
    # Entries of their files that their network never uses, and why.
    dead: tuple[tuple[str, str], ...] = (
        (
            r"^(visible_module\.visible|thermal_module\.thermal)\.fc\.",
            "dead: a stem's ResNet classifies nothing",
        ),
        (
            r"^base_resnet\.base\.(conv1|bn1|fc)\.",
            "dead: of the shared ResNet the authors use layer1 to layer4 only",
        ),
    )

    def branch(self, name: str) -> str:
        """The key of ``branches`` that one of our parameters belongs to."""
        return name.split(".")[0]

    def to_ours(self, name: str) -> tuple[str, int]:
        """Our name of an entry of the authors', and which of the pieces there it is."""
        return swap_leaf(swap_prefix(name, self.prefixes), _BATCH_NORM_LEAVES), 0

    def assemble(self, ours: str, pieces: Mapping[int, str], weights: Arrays, source: str) -> Any:
        """The value of one of our weights from its entries in a file, by number of the piece.

        Raises:
            InputError: the entries do not fit together.
        """
        return weights[pieces[0]]

    def to_theirs(self, name: str, value: np.ndarray) -> Arrays:
        """One of our weights under the authors' names and in their shapes."""
        prefixes = [(ours, theirs) for theirs, ours in self.prefixes]
        leaf = swap_leaf(name, {ours: leaf for leaf, ours in _BATCH_NORM_LEAVES.items()})
        theirs = swap_prefix(leaf, prefixes)
        if not name.endswith("moving_variance"):
            return {theirs: value}
        counter = swap_leaf(name, {"moving_variance": "num_batches_tracked"})
        return {theirs: value, swap_prefix(counter, prefixes): np.zeros((), np.int64)}

    def infer(self, shapes: Shapes, source: str) -> dict[str, Any]:
        """Settings of the model that shapes of parameters, by our names, tell of.

        Raises:
            InputError: the shapes are no such network's.
        """
        return {}


def translate(
    weights: Arrays, source: str, names: Names, *, private_stages: int = 0
) -> Translation:
    """Find out whose weights these are and give them our names.

    Args:
        weights: a file's arrays by its names.
        source: what the weights are to the user, such as ``model.pretrained=PATH``.
        names: of the method.
        private_stages: how many of layer1 to layer4 each modality of the network has of its own;
            one that the file's modalities share starts both.

    Raises:
        InputError: the weights are of something else, or not numbers.
    """
    # What torch.nn.DataParallel puts before every name.
    weights = {name[7:] if name.startswith("module.") else name: weights[name] for name in weights}
    kind = _recognise(weights, source)
    dead = {**dict(_IGNORED[kind]), **(_dead(weights, names) if kind is Kind.ORIGINAL else {})}
    ignored: dict[str, str] = {}
    pieces: dict[str, dict[int, str]] = {}  # our name -> number of the piece -> the file's name
    for name in weights:
        why = next((why for pattern, why in dead.items() if re.search(pattern, name)), None)
        if why is not None:
            ignored[name] = why
            continue
        for ours, number in _places(name, kind, source, names, private_stages):
            if pieces.setdefault(ours, {}).setdefault(number, name) != name:
                raise InputError(f"{source}: {name} and {pieces[ours][number]} are the same weight")
    values = {
        ours: _assemble(ours, found, weights, source, names) for ours, found in pieces.items()
    }
    origins = {ours: tuple(found.values()) for ours, found in pieces.items()}
    return Translation(kind, values, origins, ignored)


def to_original(values: Arrays, names: Names) -> Arrays:
    """Our weights under the names and in the shapes of a method's authors."""
    state: Arrays = {}
    for name, value in values.items():
        state.update(names.to_theirs(name, value))
    return state


def swap_prefix(name: str, prefixes: Iterable[tuple[str, str]]) -> str:
    """The name with the first of the beginnings that it has turned into the other one."""
    for old, new in prefixes:
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def swap_leaf(name: str, leaves: Mapping[str, str]) -> str:
    """The last part of a batch norm's name under its other name."""
    norm = _BATCH_NORM.search(name)
    return name[: norm.start(1)] + leaves.get(norm[1], norm[1]) if norm else name


def _recognise(weights: Arrays, source: str) -> Kind:
    for kind, beginnings in _SIGNS:
        if any(name.startswith(beginnings) for name in weights):
            return kind
    what = f"begins with {next(iter(weights))}" if weights else "holds no arrays"
    raise InputError(
        f"{source}: {what}: neither a ResNet nor a two-stream network;"
        " use weights of torchvision, timm, mindcv, MindSpore's model zoo, the authors or a run"
    )


def count_private_stages(names: Iterable[str]) -> int:
    """How many of layer1 to layer4 each modality has of its own, from parameters of ours."""
    found = [re.match(r"backbone\.visible\.layer(\d)\.", name) for name in names]
    return max((int(layer[1]) for layer in found if layer), default=0)


def _dead(weights: Arrays, names: Names) -> dict[str, str]:
    """Patterns of what the authors' network never uses in a file of theirs, and why.

    A stem is a whole ResNet there, of which the layers count that the shared ResNet does not have.
    """
    shared = [re.match(r"base_resnet\.base\.layer(\d)\.", name) for name in weights]
    first = min((int(layer[1]) for layer in shared if layer), default=5)
    return {
        rf"^(visible_module\.visible|thermal_module\.thermal)\.layer[{first}-9]\.": (
            "dead: of a stem's ResNet the authors use only what is before the shared layers"
        ),
        **dict(names.dead),
    }


def _places(
    name: str, kind: Kind, source: str, names: Names, private_stages: int
) -> list[tuple[str, int]]:
    """Where an entry of a file goes: our names, and as which piece there."""
    if kind is Kind.RESNET:
        places = [(ours, 0) for ours in _from_resnet(name)]
    elif kind is Kind.ORIGINAL:
        places = [names.to_ours(name)]
    else:
        places = [(name, 0)]
    places = [(own, piece) for ours, piece in places for own in _spread(ours, private_stages)]
    known = re.compile("|".join(names.ours))
    if not all(known.fullmatch(ours) for ours, _ in places):
        raise InputError(
            f"{source}: {name} is no part of the method or its ResNet: the weights of another"
            " network; use those of a plain ResNet, or choose their method by model=NAME"
        )
    return places


def _spread(name: str, private_stages: int) -> list[str]:
    """A shared layer's name, or what it starts where each modality has such a layer of its own."""
    layer = re.match(r"backbone\.shared\.layer(\d)\.", name)
    if layer is None or int(layer[1]) > private_stages:
        return [name]
    return [name.replace("shared", modality, 1) for modality in ("visible", "infrared")]


def _from_resnet(name: str) -> list[str]:
    """ImageNet knows one stem, which both of ours start from.

    Source: torchvision and timm; MindSpore's model zoo, official/cv/ResNet/src/resnet.py
    (``down_sample_layer``; in its ResNet-18 ``bn1d``); mindcv/models/resnet.py (``down_sample``).
    """
    name = re.sub(r"\.down_sample(_layer)?\.", ".downsample.", name)
    name = swap_leaf(re.sub(r"\.bn(\d)d\.", r".bn\1.", name), _BATCH_NORM_LEAVES)
    if name.startswith("layer"):
        return ["backbone.shared." + name]
    return ["backbone.visible." + name, "backbone.infrared." + name]


def _assemble(
    ours: str, pieces: dict[int, str], weights: Arrays, source: str, names: Names
) -> np.ndarray:
    for name in pieces.values():
        if weights[name].dtype.kind != "f":
            raise InputError(f"{source}: {name} holds {weights[name].dtype}, not float numbers")
    return np.asarray(names.assemble(ours, pieces, weights, source))
