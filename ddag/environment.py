"""What must be settled in the process before MindSpore is imported."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from importlib import metadata
from pathlib import Path

from ddag.errors import InputError


def prepare() -> None:
    """Ready the process for ``import mindspore``; call it before that import.

    Raises:
        InputError: MindSpore is not installed.
    """
    if importlib.util.find_spec("mindspore") is None:
        raise InputError('mindspore: not installed; run pip install -e ".[cpu]" (or ".[gpu]")')
    # MindSpore's own log: errors only. Its warnings speak to its developers.
    os.environ.setdefault("GLOG_v", "3")
    # As MindSpore itself would, but only if it were the first to import protobuf: tensorboardX may
    # be, and MindSpore's generated code does not load in protobuf's default implementation.
    os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
    if _has_package("mindspore-gpu"):
        # It looks for a system-wide CUDA in LD_LIBRARY_PATH and complains at every import.
        os.environ.setdefault("MS_DEV_CLOSE_VERSION_CHECK", "ON")
        _load_cuda_wheels()


def _has_package(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _load_cuda_wheels() -> None:
    """Load the shared libraries of NVIDIA's CUDA wheels, so that MindSpore finds them loaded.

    A library whose own needs are not loaded yet fails, and is tried again after the others.
    """
    spec = importlib.util.find_spec("nvidia")
    parents = [] if spec is None else spec.submodule_search_locations or []
    folders = [folder for parent in parents for folder in sorted(Path(parent).glob("*/lib"))]
    # Not for the loader, which read it when the process began, but for MindSpore's own check.
    known = os.environ.get("LD_LIBRARY_PATH", "")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*map(str, folders), *filter(None, [known])])
    waiting = [file for folder in folders for file in sorted(folder.glob("*.so*"))]
    while waiting:
        failed = [file for file in waiting if not _load(file)]
        if len(failed) == len(waiting):
            return
        waiting = failed


def _load(library: Path) -> bool:
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
