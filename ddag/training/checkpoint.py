"""A run's weights, optimiser and description in one file, written whole or not at all.

The file is a MindSpore ``.ckpt``: parameters by name, the optimiser's under ``optimizer.``, and
the description as JSON in the bytes of ``ddag.meta``; ``ddag.sha256`` is the fingerprint of all
that. Reading it runs no code.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn

from ddag.machine.environment import quiet
from ddag.machine.errors import InputError
from ddag.machine.files import replacing
from ddag.training.description import Description
from ddag.weights import ckpt

OPTIMIZER = "optimizer."
META = "ddag.meta"
FINGERPRINT = "ddag.sha256"
_FEW = 1 << 16  # people, for whom any network can be built


class DamagedError(InputError):
    """The bytes of a file are not those of a checkpoint as it was written."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        weights: parameters of network and objective by name.
        optimizer: the optimiser's, empty in a checkpoint that no run can resume.
        described: what it says of itself.
    """

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
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
    held = ((name, values[name].asnumpy()) for name in sorted(values))
    values[FINGERPRINT] = Tensor(_fingerprint(held))
    write(path, values, previous=previous)


def write(path: Path, values: Mapping[str, Tensor], *, previous: Optional[Path] = None) -> None:
    """Write tensors by name as a MindSpore ``.ckpt``; ``previous`` as in ``save``.

    Raises:
        InputError: the file cannot be written; an earlier one of that name is left whole.
    """
    entries = [{"name": name, "data": value} for name, value in values.items()]
    try:
        with replacing(path, previous) as draft, quiet():
            draft.touch()
            mode = stat.S_IMODE(draft.stat().st_mode)
            ms.save_checkpoint(entries, str(draft))
            draft.chmod(mode)  # MindSpore lets nobody but the owner read it
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be written ({error}); make room or allow it") from error


def read(path: Path) -> Checkpoint:
    """Read what ``save`` wrote.

    Raises:
        DamagedError: not a checkpoint of this framework, or not as it was written.
        InputError: no such file, it cannot be read, or it says of itself what no run writes.
    """
    arrays, said = _whole(path, _content(path))
    try:
        described = Description.parse(said)
        # A network for absurdly many would be built before its weights are found not to fit.
        sizes = [size for array in arrays.values() for size in array.shape]
        if described.identities > max([_FEW, *sizes]):
            raise ValueError(f"identities are {described.identities}, more than it has weights for")
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"checkpoint={path}: {reason}; name a .ckpt that this framework wrote"
        ) from error
    held = {name: Tensor(array) for name, array in arrays.items()}
    return Checkpoint(
        weights={name: each for name, each in held.items() if not name.startswith(OPTIMIZER)},
        optimizer={
            name[len(OPTIMIZER) :]: each
            for name, each in held.items()
            if name.startswith(OPTIMIZER)
        },
        described=described,
    )


def _content(path: Path) -> bytes:
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"checkpoint={path}: cannot be read ({error.strerror}); allow that, or name another"
        ) from error
    raise InputError(f"checkpoint={path}: no such file; name a .ckpt of a run's checkpoints/")


def _whole(path: Path, content: bytes) -> tuple[dict[str, np.ndarray], bytes]:
    """Arrays and description in a file's bytes, once their fingerprint is that in the file."""
    cause: Optional[ValueError] = None
    try:
        arrays = ckpt.parse(content)
        if FINGERPRINT in arrays and META in arrays:
            fingerprint = arrays.pop(FINGERPRINT)
            found = _fingerprint((name, arrays[name]) for name in sorted(arrays))
            if np.array_equal(fingerprint, found):
                return arrays, arrays.pop(META).tobytes()
    except ValueError as error:
        cause = error
    raise DamagedError(
        f"checkpoint={path}: damaged, or not a checkpoint of this framework; name another .ckpt of"
        " a run's checkpoints/"
    ) from cause


def sha256(path: Path) -> str:
    """The file's fingerprint, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fingerprint(values: Iterable[tuple[str, np.ndarray]]) -> np.ndarray:
    """SHA-256 over names, types, shapes and bytes, ``(32,)`` uint8; ``values`` by their names."""
    digest = hashlib.sha256()
    for name, value in values:
        array = np.atleast_1d(np.ascontiguousarray(value))
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


def _assign(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Path) -> None:
    for name in [*wanted, *given]:
        ours, theirs = _shape(wanted, name), _shape(given, name)
        if ours == theirs and wanted[name].dtype != given[name].dtype:
            ours, theirs = str(wanted[name].dtype), str(given[name].dtype)
        if ours != theirs:
            raise InputError(
                f"checkpoint={path}: {name} is {theirs} in the file and {ours} in the network;"
                " set model, data and dataset as in the run that wrote it"
            )
    for name, parameter in wanted.items():
        parameter.set_data(Tensor(given[name].asnumpy()))


def _shape(parameters: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(parameters[name].shape)) if name in parameters else "missing"
