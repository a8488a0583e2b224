"""Other people's weights into our network, and ours under the authors' names.

Shapes: C channels, P parts, K heads of graph attention, F features a head, I identities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mindspore import Tensor, nn

from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.model.backbone import RESNETS
from ddag.weights import files
from ddag.weights.names import (
    Arrays,
    Kind,
    Names,
    Shapes,
    Translation,
    count_private_stages,
    to_original,
    translate,
)


class Row(NamedTuple):
    """What became of one entry of the file, or of one parameter that the file lacks."""

    name: str  # in the file; a missing one's in the network
    what: str  # matched, ignored or missing
    why: str


@dataclass(frozen=True)
class Report:
    """What became of a file's entries and of the network's parameters."""

    kind: Kind
    rows: tuple[Row, ...]

    def count(self, what: str) -> int:
        """Rows that say ``matched``, ``ignored`` or ``missing``."""
        return sum(row.what == what for row in self.rows)

    def lines(self) -> list[str]:
        """A line for each thing that became of entries: how many, why, and which they begin with.

        ``ignored   2  the classes it was trained on: fc.weight, fc.bias``
        """
        groups: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            groups.setdefault((row.what, row.why), []).append(row.name)
        return [
            f"{what:8}{len(names):4}  {why}: {', '.join(names[:3])}{', ...' * (len(names) > 3)}"
            for (what, why), names in groups.items()
        ]


def load(cell: nn.Cell, path: Path, *, source: str, names: Names, for_training: bool) -> Report:
    """Fill network and objective from a file; see ``files.read`` and ``fill``."""
    weights = files.read(path, source)
    return fill(cell, weights, source, names=names, for_training=for_training)


def fill(
    cell: nn.Cell, weights: Arrays, source: str, *, names: Names, for_training: bool
) -> Report:
    """Give network and objective a file's weights; either all that they need, or none.

    The two-stream ResNet is always filled whole. Beyond that, what may be missing depends on the
    use. To train from the weights, a branch that the file lacks keeps its values, which the caller
    has drawn (``initial.initialise``), and so does what depends on the identities if their number
    is another. To evaluate, only branches may be missing that have no part in that.

    Args:
        cell: network and objective, changed in place.
        weights: a file's arrays by its names.
        source: what the weights are to the user, such as ``model.pretrained=PATH``.
        names: of the method.
        for_training: whether the network is going to be trained from them.

    Raises:
        InputError: the weights do not fit, or are of something else; the network is unchanged.
    """
    parameters = {each.name: each for each in cell.get_parameters()}
    private_stages = count_private_stages(parameters)
    translation = translate(weights, source, names, private_stages=private_stages)
    shapes = {name: tuple(each.shape) for name, each in parameters.items()}
    kept = _kept(shapes, translation, names, for_training=for_training)
    _refuse_misfits(shapes, translation, source, names, kept=kept)
    for name, parameter in parameters.items():
        if name not in kept:
            parameter.set_data(Tensor(translation.values[name].astype(np.float32)))
    return Report(translation.kind, tuple(_rows(shapes, translation, names, kept=kept)))


def infer_architecture(weights: Arrays, source: str, names: Names) -> dict[str, Any]:
    """What the network was that the weights come from.

    Returns:
        ``identities``, and settings of the model: ``backbone``, ``private_stages`` and what else
        the method's names tell. A backbone alone has 0 identities.

    Raises:
        InputError: the weights are of something else, or incomplete.
    """
    values = translate(weights, source, names).values
    shapes = {name: value.shape for name, value in values.items()}
    backbone = _resnet(shapes)
    if backbone not in RESNETS:
        raise InputError(f"{source}: holds {backbone}; use one of {', '.join(RESNETS)}")
    classifier = shapes.get("classifier.weight", ())
    if "bottleneck" in _branches(shapes, names) and len(classifier) != 2:
        raise InputError(
            f"{source}: classifier.weight is missing or has another number of dimensions"
        )
    identities = classifier[0] if classifier else 0
    told = {"private_stages": count_private_stages(shapes), **names.infer(shapes, source)}
    return {"backbone": backbone, "identities": identities, **told}


def original_state(cell: nn.Cell, names: Names) -> Arrays:
    """The weights under the authors' names and in their shapes, without their dead entries."""
    return to_original({each.name: each.asnumpy() for each in cell.get_parameters()}, names)


def write_original(cell: nn.Cell, path: Path, names: Names) -> None:
    """Write ``original_state`` as .safetensors, whole or not at all.

    Raises:
        InputError: the path has another ending, or cannot be written.
    """
    from safetensors.numpy import save

    if path.suffix != ".safetensors":
        raise InputError(f"{path}: weights are written as .safetensors; give it that ending")
    state = original_state(cell, names)
    ordered = {name: np.array(value, order="C") for name, value in state.items()}
    with replacing(path) as draft:
        draft.write_bytes(save(ordered))


def _branches(parameters: Iterable[str], names: Names) -> set[str]:
    return {names.branch(parameter) for parameter in parameters}


def _resnet(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The key of ``RESNETS``, or a description of what is none of them."""
    blocks = [0, 0, 0, 0]
    for name in shapes:
        place = re.match(r"backbone\.(?:visible|shared)\.layer(\d)\.(\d+)\.", name)
        if place:
            blocks[int(place[1]) - 1] = max(blocks[int(place[1]) - 1], int(place[2]) + 1)
    bottleneck = any(name.endswith(".layer1.0.conv3.weight") for name in shapes)
    for name, architecture in RESNETS.items():
        if (tuple(blocks), bottleneck) == (architecture.blocks, architecture.bottleneck):
            return name
    return f"a ResNet of {blocks} blocks with {'three' if bottleneck else 'two'} convolutions"


def _kept(
    shapes: Shapes, translation: Translation, names: Names, *, for_training: bool
) -> dict[str, str]:
    """Parameters of the network that need no value of the file, and why."""
    present = _branches(translation.values, names)
    theirs = translation.values.get("classifier.weight", np.empty(0)).shape[0]
    ours = shapes["classifier.weight"][0]
    kept = {}
    for name in shapes:
        branch = names.branch(name)
        if branch == "backbone":
            continue
        if branch not in present and for_training:
            kept[name] = f"drawn anew: the file has no {names.branches[branch]}"
        elif branch not in present and branch in names.optional:
            kept[name] = f"the file has no {names.branches[branch]}, which evaluation does not use"
        elif name in names.by_identity and for_training and theirs not in (0, ours):
            kept[name] = f"drawn anew: the file knows {theirs} identities, the network {ours}"
    return kept


def _refuse_misfits(
    shapes: Shapes, translation: Translation, source: str, names: Names, *, kept: dict[str, str]
) -> None:
    """Raise for the first parameter whose value is missing, superfluous or does not fit."""
    values = translation.values
    for name, shape in shapes.items():
        if name in kept:
            continue
        if name not in values:
            raise InputError(
                f"{source}: {name} {shape} is missing in the file; {_told(values, names)}"
            )
        if values[name].shape != shape:
            entry = translation.origins[name][0]
            raise InputError(
                f"{source}: {entry} makes a {name} of {values[name].shape}, the network's is"
                f" {shape}; {_told(values, names)}"
            )
        if not np.isfinite(values[name]).all():
            raise InputError(f"{source}: {translation.origins[name][0]} holds nan or inf")
    branches = _branches(shapes, names)
    for name, value in values.items():
        if name not in shapes and names.branch(name) in branches:
            raise InputError(
                f"{source}: {translation.origins[name][0]} {value.shape} has no place in the"
                f" network; {_told(values, names)}"
            )


def _told(values: Arrays, names: Names) -> str:
    """How the network would have to be built for these weights."""
    shapes = {name: value.shape for name, value in values.items()}
    if _branches(values, names) == {"backbone"}:
        return f"the file holds {_resnet(shapes)} alone, which serves as model.pretrained only"
    identities = shapes.get("classifier.weight", (0,))[0]
    private = count_private_stages(shapes)
    told = {"private_stages": private, **names.infer(shapes, "the file")}
    settings = " ".join(f"model.{name}={_word(value)}" for name, value in told.items())
    return f"the file holds {_resnet(shapes)} for {identities} identities, {settings}"


def _word(value: Any) -> Any:
    """A value of a setting as users type it."""
    if value is None:
        return "null"
    return value.value if isinstance(value, Enum) else value


def _rows(
    shapes: Shapes, translation: Translation, names: Names, *, kept: dict[str, str]
) -> Iterable[Row]:
    """The report: each entry of the file once, then what the file lacks."""
    seen: set[str] = set()
    branches = _branches(shapes, names)
    for name, entries in translation.origins.items():
        branch = names.branches[names.branch(name)]
        for entry in entries:
            if entry in seen:  # a ResNet's stem goes to both of ours
                continue
            seen.add(entry)
            if names.branch(name) not in branches:
                yield Row(entry, "ignored", f"the network has no {branch}")
            elif name in kept:
                yield Row(entry, "ignored", kept[name])
            else:
                yield Row(entry, "matched", branch)
    for entry, why in translation.ignored.items():
        yield Row(entry, "ignored", why)
    for name, why in kept.items():
        yield Row(name, "missing", why)
