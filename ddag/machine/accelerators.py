"""GPUs and Ascends: what of them can be found without MindSpore, which may end the process."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ddag.machine import environment
from ddag.machine.programs import ask
from ddag.machine.words import shortened

# What MindSpore's plug-in for GPUs is linked against, and the package on PyPI that brings it.
CUDA = {
    "libcudart.so.11.0": "nvidia-cuda-runtime-cu11",
    "libcublas.so.11": "nvidia-cublas-cu11",
    "libcudnn.so.8": "nvidia-cudnn-cu11<9",
    "libcusolver.so.11": "nvidia-cusolver-cu11",
    "libcufft.so.10": "nvidia-cufft-cu11",
    "libcurand.so.10": "nvidia-curand-cu11",
    "libcusparse.so.11": "nvidia-cusparse-cu11",
}
DRIVER = "libcuda.so.1"
_NVIDIA_SMI = ("--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader")
_TOOLKITS = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")  # which CANN's set_env.sh sets
_DEV, _PROC = Path("/dev"), Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Found:
    """What was looked for of a kind of device.

    Attributes:
        devices: those that are there, a name each.
        looked: by what was looked for what was found; an empty word is nothing.
        troubles: that keep a device which is there from working, with what would do.
    """

    devices: list[str]
    looked: Mapping[str, str]
    troubles: list[str] = field(default_factory=list)

    @property
    def is_worth_a_try(self) -> bool:
        """Whether there is a device, and a MindSpore that may know how to use it."""
        return bool(self.devices) and self.looked[PLUG_IN] != ""


PLUG_IN = "MindSpore's plug-in"


def look_for_gpus() -> Found:
    """NVIDIA's GPUs, their driver and the libraries that MindSpore needs on them."""
    devices, driver = _gpus(), _driver()
    looked = {
        "devices": _listed(devices),
        "driver": driver,
        DRIVER: _library(DRIVER),
        PLUG_IN: _plug_in("gpu"),
        **{name: _library(name) for name in CUDA},
    }
    return Found(devices, looked, _gpu_troubles(looked) if devices else [])


def look_for_ascends() -> Found:
    """Huawei's Ascends, and the toolkit that MindSpore needs on them."""
    devices = [str(each) for each in sorted(_DEV.glob("davinci[0-9]*"))]
    looked = {
        "devices": _listed(devices),
        "npu-smi": shortened(ask("npu-smi", "-v") or "", 60),
        "CANN": next((os.environ[name] for name in _TOOLKITS if os.environ.get(name)), ""),
        "libascendcl.so": _library("libascendcl.so"),
        PLUG_IN: _plug_in("ascend"),
    }
    return Found(devices, looked, _ascend_troubles(looked) if devices else [])


def _gpu_troubles(looked: Mapping[str, str]) -> list[str]:
    found = []
    if not looked[DRIVER]:
        found.append(
            f"{DRIVER}: not found; install NVIDIA's driver, or start the container with --gpus all"
        )
    if not looked[PLUG_IN]:
        found.append(
            f"mindspore={environment.mindspore_version() or 'missing'}: has no plug-in for GPUs;"
            ' run python3.9 -m pip install -e ".[gpu]"'
        )
    missing = [name for name in CUDA if not looked[name]]
    if missing:
        wheels = " ".join(f'"{CUDA[name]}"' for name in missing)
        found.append(f"{', '.join(missing)}: not found; run pip install {wheels}")
    return found


def _ascend_troubles(looked: Mapping[str, str]) -> list[str]:
    found = []
    if not looked["CANN"] or not looked["libascendcl.so"]:
        found.append(
            "CANN: not found; install it, and run source .../ascend-toolkit/set_env.sh before"
        )
    if not looked[PLUG_IN]:
        found.append(
            f"mindspore={environment.mindspore_version() or 'missing'}: has no plug-in for Ascends;"
            ' run pip install -e ".[cpu]", whose wheel has one'
        )
    return found


def _gpus() -> list[str]:
    """Their names, driver, memory and compute capability, or, without nvidia-smi, their files."""
    said = ask("nvidia-smi", *_NVIDIA_SMI)
    names = [shortened(line.strip(), 80) for line in (said or "").splitlines() if line.strip()]
    return names or [str(each) for each in sorted(_DEV.glob("nvidia[0-9]*"))]


def _driver() -> str:
    """The version of the driver in the kernel."""
    with suppress(OSError):
        version = re.search(r"\s(\d+\.[\d.]+)\s", _PROC.read_text(encoding="utf-8"))
        return version[1] if version else ""
    return ""


def _library(name: str) -> str:
    """Where a shared library lies: in one of NVIDIA's wheels, or where the system looks."""
    for folder in environment.cuda_folders():
        if (folder / name).exists():
            return str(folder)
    try:
        ctypes.CDLL(name)
    except OSError:
        return ""
    return "the system's"


def _plug_in(device: str) -> str:
    """MindSpore's libraries for a kind of device, by their names."""
    spec = importlib.util.find_spec("mindspore")
    folders = (spec.submodule_search_locations if spec else None) or []
    pattern = f"lib/plugin/libmindspore_{device}*"
    return _listed([file.name for each in folders for file in sorted(Path(each).glob(pattern))])


def _listed(names: list[str]) -> str:
    return ", ".join(names)
