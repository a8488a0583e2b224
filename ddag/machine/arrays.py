"""NumPy's files, .npy and .npz, read as plain arrays whatever they hold: no code, no surprise."""

from __future__ import annotations

import math
import os
import re
import zipfile
from pathlib import Path
from typing import IO, Literal, Optional

import numpy as np

from ddag.machine.errors import InputError
from ddag.machine.reading import open_plain, why_not

_KINDS = "biufcSU"  # of numbers and texts; not of Python's objects, records and dates
_LONGEST_HEADER = 10_000  # bytes, as NumPy has it
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
# An archive may unfold to so many bytes, or to so many times its own size.
_UNFOLDED, _TIMES = 1 << 30, 20
_HEADER = re.compile(
    r"\{'descr': *'(?P<descr>[<>|=][a-zA-Z]\d*)', *'fortran_order': *(?P<fortran>True|False), *"
    r"'shape': *\((?P<shape>\d*L?(, *\d+L?)*,?) *\),? *\} *\n?"
)
_PART = 1 << 20  # bytes, read at a time


class _ArrayError(ValueError):
    """What is wrong with an array's bytes."""


def map_array(path: Path, *, remedy: str) -> np.ndarray:
    """The array of a ``.npy`` file, left on disk until it is used; it cannot be changed.

    Args:
        path: of the file.
        remedy: what to do where it cannot be read, for the message.

    Raises:
        InputError: no such file, or no array of numbers or texts that is as long as it says.
    """
    try:
        with open_plain(path) as file:
            dtype, order, shape = _read_header(file, os.fstat(file.fileno()).st_size)
            if not math.prod(shape):
                return np.empty(shape, dtype)  # there is nothing to map
            return np.memmap(file, dtype, "r", file.tell(), shape, order)
    except Exception as error:  # whatever NumPy makes of arbitrary bytes
        raise InputError(f"{path}: {_reason(error, 'array')}; {remedy}") from error


def read_archive(path: Path, *, remedy: str, name: Optional[str] = None) -> dict[str, np.ndarray]:
    """The arrays of a ``.npz`` file by name.

    Args:
        path: of the file.
        remedy: what to do where it cannot be read, for the message.
        name: what the file is called in it; its path if None.

    Raises:
        InputError: no such file, or no archive of such arrays.
    """
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _refuse_bomb(members, os.fstat(file.fileno()).st_size)
            return {each.filename.removesuffix(".npy"): _member(archive, each) for each in members}
    except Exception as error:  # whatever NumPy and zipfile make of arbitrary bytes
        raise InputError(f"{name or path}: {_reason(error, 'archive')}; {remedy}") from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    if member.flag_bits & 1:
        raise _ArrayError(f"{member.filename} is encrypted")
    if member.compress_type not in _COMPRESSIONS:
        raise _ArrayError(f"{member.filename} is compressed in a way that NumPy does not know")
    with archive.open(member) as file:
        return _read_array(file, member.file_size)


def _refuse_bomb(members: list[zipfile.ZipInfo], size: int) -> None:
    unfolded = sum(member.file_size for member in members)
    if unfolded > max(_UNFOLDED, _TIMES * size):
        raise _ArrayError(f"unfolds from {size:,} bytes to {unfolded:,}")


def _read_array(file: IO[bytes], size: int) -> np.ndarray:
    dtype, order, shape = _read_header(file, size)
    values = np.empty(math.prod(shape), dtype)
    room = values.view(np.uint8)
    while len(room):
        part = file.read(min(len(room), _PART))
        if not part:
            raise _ArrayError("ends too early")
        room[: len(part)] = np.frombuffer(part, np.uint8)
        room = room[len(part) :]
    return values.reshape(shape, order=order)


def _read_header(file: IO[bytes], size: int) -> tuple[np.dtype, Literal["C", "F"], tuple[int, ...]]:
    """Type, order and shape of an array in a file of ``size`` bytes, which is left at its values.

    Raises:
        _ArrayError: it is no such array, or the file is longer or shorter than it.
        Exception: what NumPy makes of it.
    """
    version = np.lib.format.read_magic(file)
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    header = file.read(length) if length <= _LONGEST_HEADER else b""
    # Not by NumPy, which has Python parse it: brackets in brackets without end could crash that.
    found = _HEADER.fullmatch(header.decode("latin-1"))
    if found is None:
        raise _ArrayError("its header is none of an array of numbers or texts")
    dtype = np.dtype(found["descr"])
    shape = tuple(int(number) for number in re.findall(r"\d+", found["shape"]))
    if dtype.hasobject:
        raise _ArrayError("holds Python objects, which could run code")
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise _ArrayError(f"holds {dtype} instead of numbers or texts")
    held, said = size - file.tell(), math.prod(shape) * dtype.itemsize
    if held != said:
        raise _ArrayError(f"holds {held:,} bytes instead of {dtype} of shape {shape}")
    return dtype, "F" if found["fortran"] == "True" else "C", shape


def _reason(error: Exception, what: str) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return why_not(error)
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"is no readable {what} ({said})"
