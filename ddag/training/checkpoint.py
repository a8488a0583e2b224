"""A run's weights, optimiser and description in one file, written whole or not at all.

The file is a MindSpore ``.ckpt``: parameters by name, the optimiser's under ``optimizer.``, and
the description as JSON in the bytes of ``ddag.meta``; ``ddag.sha256`` is the fingerprint of all
that. Reading it runs no code.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.settings.history import upgrade

OPTIMIZER = "optimizer."
META = "ddag.meta"
FINGERPRINT = "ddag.sha256"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself.

    Attributes:
        settings: all of them, nested plain values.
        identities: how many people its network tells apart.
        epoch: finished epochs.
        step: optimiser steps.
        images: fingerprint of the training images; empty for imported weights.
        progress: of a run, see ``Progress.to_plain``; empty for imported weights.
        source: name of the file that imported weights come from; empty for a run's.
    """

    settings: dict[str, Any]
    identities: int
    epoch: int
    step: int
    images: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> Description:
        """What ``asdict`` gave, or an earlier version's.

        Raises:
            KeyError: a value is missing.
            TypeError: a value is of another type.
        """
        progress = stored.get("progress", stored)  # once it stood among the other values
        found = cls(
            settings=upgrade(stored["settings"]),
            identities=stored["identities"],
            epoch=stored["epoch"],
            step=stored["step"],
            images=stored.get("images", stored.get("pictures", "")),
            progress=dict(progress),
            source=stored.get("source", ""),
        )
        numbers, words = (found.identities, found.epoch, found.step), (found.images, found.source)
        if not all(isinstance(each, int) for each in numbers):
            raise TypeError(f"{numbers} are not whole numbers")
        if not all(isinstance(each, str) for each in words):
            raise TypeError(f"{words} are no words")
        return found


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        weights: parameters of network and objective by name.
        optimizer: the optimiser's, empty in a checkpoint that no run can resume.
        described: what it says of itself.
    """

    weights: dict[str, Parameter]
    optimizer: dict[str, Parameter]
    described: Description


def save(
    path: Path,
    learner: nn.Cell,
    described: Description,
    *,
    optimizer: Optional[nn.Optimizer] = None,
    previous: Optional[Path] = None,
) -> None:
    """Write a checkpoint.

    Args:
        path: of the file.
        learner: its parameters are written.
        described: what the checkpoint says of itself.
        optimizer: only where a run may be resumed from the checkpoint.
        previous: where an earlier file at ``path`` goes; without it, it is replaced.

    Raises:
        InputError: the file cannot be written; an earlier one of that name is left whole.
    """
    values = {each.name: each for each in learner.get_parameters()}
    if optimizer is not None:
        values.update({OPTIMIZER + each.name: each for each in _state(learner, optimizer)})
    values[META] = Tensor(np.frombuffer(json.dumps(asdict(described)).encode(), np.uint8))
    values[FINGERPRINT] = Tensor(_fingerprint(values))
    write(path, values, previous=previous)


def write(path: Path, values: Mapping[str, Tensor], *, previous: Optional[Path] = None) -> None:
    """Write tensors by name as a MindSpore ``.ckpt``; ``previous`` as in ``save``.

    Raises:
        InputError: the file cannot be written; an earlier one of that name is left whole.
    """
    entries = [{"name": name, "data": value} for name, value in values.items()]
    try:
        with replacing(path, previous) as draft, _quiet():
            ms.save_checkpoint(entries, str(draft))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be written ({error}); make room or allow it") from error


def read(path: Path) -> Checkpoint:
    """Read what ``save`` wrote.

    Raises:
        InputError: no such file, not a checkpoint of this framework, or not as it was written.
    """
    if not path.is_file():
        raise InputError(f"checkpoint={path}: no such file; name a .ckpt of a run's checkpoints/")
    damaged = InputError(
        f"checkpoint={path}: damaged, or not a checkpoint of this framework; name another .ckpt of"
        " a run's checkpoints/"
    )
    try:
        with _quiet():
            entries = ms.load_checkpoint(str(path))
        fingerprint = entries.pop(FINGERPRINT).asnumpy()
        whole = np.array_equal(fingerprint, _fingerprint(entries))
        described = Description.from_plain(json.loads(entries.pop(META).asnumpy().tobytes()))
    except Exception as error:  # whatever a parser makes of arbitrary bytes
        raise damaged from error
    if not whole:
        raise damaged
    weights = {name: each for name, each in entries.items() if not name.startswith(OPTIMIZER)}
    optimizer = {
        name[len(OPTIMIZER) :]: each for name, each in entries.items() if name.startswith(OPTIMIZER)
    }
    return Checkpoint(weights, optimizer, described)


def sha256(path: Path) -> str:
    """The file's fingerprint, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MindSpore's own log, which prints what goes wrong before it raises it."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _fingerprint(values: Mapping[str, Tensor]) -> np.ndarray:
    """SHA-256 over names, types, shapes and bytes, ``(32,)`` uint8."""
    digest = hashlib.sha256()
    for name in sorted(values):
        array = np.atleast_1d(np.ascontiguousarray(values[name].asnumpy()))
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array)
    return np.frombuffer(digest.digest(), np.uint8)


def load_weights(learner: nn.Cell, checkpoint: Checkpoint, path: Path) -> None:
    """Give every parameter of ``learner`` its value from the checkpoint.

    Raises:
        InputError: a parameter is missing, superfluous or of another shape; nothing is changed.
    """
    _assign({each.name: each for each in learner.get_parameters()}, checkpoint.weights, path)


def load_optimizer(
    learner: nn.Cell, optimizer: nn.Optimizer, checkpoint: Checkpoint, path: Path
) -> None:
    """Give the optimiser the state that it had when the checkpoint was written.

    Raises:
        InputError: the checkpoint holds none, or another optimiser's.
    """
    if not checkpoint.optimizer:
        raise InputError(
            f"train.resume={path}: holds no optimiser; resume from last.ckpt, or start from these"
            " weights with model.pretrained"
        )
    _assign({each.name: each for each in _state(learner, optimizer)}, checkpoint.optimizer, path)


def _state(learner: nn.Cell, optimizer: nn.Optimizer) -> list[Parameter]:
    """What the optimiser adds to the learner: moments and step counts, but not the rates."""
    own = {each.name for each in learner.get_parameters()}
    state = [each for each in optimizer.get_parameters() if each.name not in own]
    return [each for each in state if not each.name.startswith("learning_rate")]


def _assign(wanted: dict[str, Parameter], given: dict[str, Parameter], path: Path) -> None:
    for name in [*wanted, *given]:
        ours, theirs = _shape(wanted, name), _shape(given, name)
        if ours != theirs:
            raise InputError(
                f"checkpoint={path}: {name} is {theirs} in the file and {ours} in the network;"
                " set model, data and dataset as in the run that wrote it"
            )
    for name, parameter in wanted.items():
        parameter.set_data(Tensor(given[name].asnumpy()))


def _shape(parameters: dict[str, Parameter], name: str) -> str:
    return str(tuple(parameters[name].shape)) if name in parameters else "missing"
