"""MindSpore's ``.ckpt`` as arrays by name, with what is wrong with its bytes told from all else.

``mindspore.load_checkpoint`` says the same of a file that may not be read, of one that memory does
not suffice for, of Ctrl-C and of a damaged one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from mindspore.train.checkpoint_pb2 import Checkpoint

# By MindSpore's names of them.
_TYPES = {
    name: np.dtype(name.lower())
    for name in (
        "Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
        "Float16", "Float32", "Float64",
    )
}  # fmt: skip


def parse(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes of a file; they may not be written to.

    Raises:
        ValueError: it is not what MindSpore writes.
    """
    stored = Checkpoint()
    try:
        stored.ParseFromString(content)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not MindSpore's format ({error})") from error
    # A large tensor comes in slices, one after the other.
    slices: dict[str, list[Any]] = {}
    for entry in stored.value:
        slices.setdefault(entry.tag, []).append(entry.tensor)
    return {name: _array(name, tensors) for name, tensors in slices.items()}


def _array(name: str, slices: list[Any]) -> np.ndarray:
    kind, dims = slices[0].tensor_type, tuple(slices[0].dims)
    shape = () if dims == (0,) else dims  # so a scalar is written
    content = b"".join(each.tensor_content for each in slices)
    if kind not in _TYPES:
        raise ValueError(f"{name} is of type {kind}")
    wanted = math.prod(shape) * _TYPES[kind].itemsize
    if min(shape, default=0) < 0 or len(shape) > 8 or wanted != len(content):
        raise ValueError(f"{name} is {len(content)} bytes, which make no {shape} of {kind}")
    return np.frombuffer(content, _TYPES[kind]).reshape(shape)
