"""What must be settled in the process before MindSpore is imported."""

from __future__ import annotations

import ctypes
import importlib.util
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from ddag.machine.errors import InputError

# MindSpore 2.9 and 2.10 convolve some hundred times slower than they could where the processor has
# AVX-512: their oneDNN finds no kernel of its own for it and takes the reference code.
SLOW_WITH_AVX512 = ("2.9.", "2.10.")
MISSING = 'mindspore: not installed; run pip install -e ".[cpu]" (or ".[gpu]")'
ISA = "ONEDNN_MAX_CPU_ISA"  # up to which instructions oneDNN goes

log = logging.getLogger(__name__)


def tolerate() -> None:
    """Go on where the user's shell names an encoding or a screen that lacks something.

    What an encoding has no letter for is printed as ``?``; Matplotlib draws into files alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's is another
            stream.reconfigure(errors="replace")
    os.environ["MPLBACKEND"] = "agg"


def prepare() -> None:
    """Ready the process for ``import mindspore``; call it before that import.

    Raises:
        InputError: MindSpore is not installed.
    """
    if importlib.util.find_spec("mindspore") is None:
        raise InputError(MISSING)
    # Of MindSpore's own log only what ends the process: errors are raised as exceptions, too, and
    # too little memory is logged once for each tensor.
    os.environ.setdefault("GLOG_v", "4")
    # As MindSpore itself would, but only if it were the first to import protobuf: tensorboardX may
    # be, and MindSpore's generated code does not load in protobuf's default implementation.
    os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
    if is_slow_with_avx512() and has_avx512():
        _keep_to_avx2()
    if version("mindspore-gpu"):
        # It looks for a system-wide CUDA in LD_LIBRARY_PATH and complains at every import.
        os.environ.setdefault("MS_DEV_CLOSE_VERSION_CHECK", "ON")
        _load_cuda_wheels()


@contextmanager
def quiet() -> Iterator[None]:
    """Without MindSpore's own log: what goes wrong it raises, too."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def version(package: str) -> str:
    """Of an installed package; empty if it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def mindspore_version() -> str:
    """Of the MindSpore that is installed, without its import; empty if none is."""
    return version("mindspore") or version("mindspore-gpu")


def has_avx512() -> bool:
    """Whether the processors have it."""
    file = Path("/proc/cpuinfo")
    return file.is_file() and " avx512f " in file.read_text(encoding="utf-8")


def is_slow_with_avx512() -> bool:
    """Whether the MindSpore that is installed convolves slowly on processors that have it."""
    return version("mindspore").startswith(SLOW_WITH_AVX512)


def cuda_folders() -> list[Path]:
    """Where the libraries of NVIDIA's CUDA wheels lie; empty without any."""
    spec = importlib.util.find_spec("nvidia")
    parents = [] if spec is None else spec.submodule_search_locations or []
    return [folder for parent in parents for folder in sorted(Path(parent).glob("*/lib"))]


def _keep_to_avx2() -> None:
    """Have oneDNN leave AVX-512 alone, unless the user decided on that."""
    if ISA in os.environ:
        return
    os.environ[ISA] = "AVX2"
    log.info(
        "%s=AVX2 set: MindSpore %s convolves far slower with AVX-512", ISA, version("mindspore")
    )


def _load_cuda_wheels() -> None:
    """Load the shared libraries of NVIDIA's CUDA wheels, so that MindSpore finds them loaded.

    A library whose own needs are not loaded yet fails, and is tried again after the others.
    """
    folders = cuda_folders()
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
