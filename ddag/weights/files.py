"""Read files of weights, without running code that they may hold: arrays by name."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any, Callable

import numpy as np

from ddag.machine.arrays import read_archive
from ddag.machine.errors import InputError
from ddag.machine.reading import open_plain, why_not

Arrays = dict[str, np.ndarray]

# torch.load(weights_only=True) of an earlier release can be made to run code (CVE-2025-32434).
_OLDEST_TORCH = (2, 6)
# Of safetensors' types; NumPy has no bfloat16, and no number of 8 bits with a fraction.
_NUMPY_TYPES = r"F(16|32|64)|[IU](8|16|32|64)|BOOL"
# Under these keys programs keep the weights beside their progress; "net" is the authors'.
_WRAPPERS = ("net", "state_dict", "model")
# What a pickle of NumPy's numbers asks for: the authors' checkpoints hold their scores so.
_NUMPY_PICKLES = (
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
)


class _Discarded:
    """Takes the place of each of NumPy's objects in a pickle, so that none of them is built.

    Only scores are lost, while ``numpy.dtype``, given a forged state, could harm the process.
    """

    def __init__(self, *_: object) -> None:
        """Take what the object would be built from."""

    def __setstate__(self, _: object) -> None:
        """Take what the object would hold."""


# PyTorch finds a permitted object by its module and name.
_STAND_INS = [type(name, (_Discarded,), {"__module__": module}) for module, name in _NUMPY_PICKLES]


def read(path: Path, source: str) -> Arrays:
    """The arrays of a file: .safetensors, PyTorch's .pth, .pt, .t or .tar, .npz, MindSpore's .ckpt.

    What the file begins with decides, not the ending, but for .ckpt.

    Args:
        path: the file.
        source: what it is to the user, such as ``model.pretrained=PATH``, for messages.

    Raises:
        InputError: no such file, a damaged one, one of another type, or one that would run code.
    """
    try:
        with open_plain(path) as file:
            beginning = file.read(9)
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: {why_not(error)}; name a file of weights") from error
    if not beginning:
        raise InputError(f"{source}: the file is empty; get it anew")
    arrays = _reader(path, beginning, source)(path, source)
    return {str(name): np.asarray(value) for name, value in arrays.items()}


def _reader(path: Path, beginning: bytes, source: str) -> Callable[[Path, str], Arrays]:
    if beginning[:4] == b"PK\x03\x04":
        return _zip_reader(path, source)
    if beginning[:1] == b"\x80" and beginning[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _read_torch
    if beginning[8:] == b"{":  # after eight bytes of length
        return _read_safetensors
    if path.suffix == ".ckpt":
        return _read_mindspore
    raise InputError(
        f"{source}: not a file of weights; use .safetensors, PyTorch's .pth, .npz or .ckpt"
    )


def _zip_reader(path: Path, source: str) -> Callable[[Path, str], Arrays]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:  # whatever zipfile makes of arbitrary bytes
        raise _damaged(source, error) from error
    return _read_npz if all(name.endswith(".npy") for name in names) else _read_torch


def _read_safetensors(path: Path, source: str) -> Arrays:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            for name, kind in types.items():
                if not re.fullmatch(_NUMPY_TYPES, kind):
                    raise InputError(f"{source}: {name} holds {kind}; convert it to float32")
            return {name: file.get_tensor(name) for name in types}
    except (SafetensorError, OSError) as error:
        raise _damaged(source, error) from error


def _read_npz(path: Path, source: str) -> Arrays:
    found = read_archive(path, name=source, remedy="save plain arrays, or get it anew")
    for name, value in found.items():
        if value.dtype.kind not in "biuf":
            raise InputError(f"{source}: {name} holds {value.dtype}; convert it to float32")
    return found


def _read_mindspore(path: Path, source: str) -> Arrays:
    import mindspore

    try:
        return {
            name: np.asarray(value.asnumpy() if hasattr(value, "asnumpy") else value)
            for name, value in mindspore.load_checkpoint(str(path)).items()
        }
    except Exception as error:  # whatever MindSpore makes of arbitrary bytes
        raise _damaged(source, error) from error


def _read_torch(path: Path, source: str) -> Arrays:
    torch = _import_torch(source)
    try:
        with torch.serialization.safe_globals(_STAND_INS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file's format: what matters is an error
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        return _plain_arrays(torch, loaded)
    except Exception as error:  # a damaged pickle raises whatever it stumbles upon
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused is None:
            raise _damaged(source, error) from error
        raise InputError(
            f"{source}: asks for {refused[1]}, which weights do not need and which could run code,"
            " so it was not opened; save the weights alone (a state_dict)"
        ) from error


def _import_torch(source: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f'{source}: a PyTorch file needs PyTorch: pip install -e ".[torch]",'
            " or convert it to .safetensors"
        ) from error
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < _OLDEST_TORCH:
        raise InputError(
            f"{source}: PyTorch {torch.__version__} cannot open a file safely;"
            ' pip install -e ".[torch]", or convert it to .safetensors'
        )
    return torch


def _plain_arrays(torch: Any, loaded: Any) -> Arrays:
    """The tensors of a state dict, whatever it is wrapped in; any float type as float32."""
    for key in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise TypeError(f"{type(loaded).__name__} instead of weights by name")
    tensors = {name: each for name, each in loaded.items() if isinstance(each, torch.Tensor)}
    return {
        name: (each.float() if each.is_floating_point() else each).detach().numpy()
        for name, each in tensors.items()
    }


def _damaged(source: str, error: Exception) -> InputError:
    reason = str(error).strip().split("\n")[0]
    return InputError(f"{source}: damaged or not a file of weights ({reason}); get it anew")
