"""The Python packages that a run depends on: which are installed, and which do not go together."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Sequence
from importlib import metadata

from ddag.machine import environment
from ddag.machine.errors import InputError

OLDEST, NEWEST = (3, 9), (3, 12)  # of the Pythons that MindSpore has wheels for
BESIDE = (
    "numpy", "scipy", "scikit-learn", "pillow", "hydra-core", "omegaconf", "safetensors",
    "tensorboardX", "matplotlib", "joblib", "onnx", "onnxruntime", "torch",
)  # fmt: skip
_BOTH = ("mindspore", "mindspore-gpu")


def versions() -> dict[str, str]:
    """Python's, MindSpore's and those of the packages that are installed beside it."""
    found = {name: environment.version(name) for name in (*_BOTH, *BESIDE)}
    return {"python": platform.python_version(), **{name: v for name, v in found.items() if v}}


def is_installed(package: str) -> bool:
    """Whether a package could be imported; it is not."""
    return importlib.util.find_spec(package) is not None


def refuse_missing(setting: str, packages: Sequence[str], *, extra: str) -> None:
    """Refuse what needs packages that are not installed.

    Args:
        setting: that asks for it, with its value.
        packages: that it imports.
        extra: of this package, which brings them.

    Raises:
        InputError: one is missing, the first of which is named.
    """
    for package in packages:
        if not is_installed(package):
            raise InputError(
                f'{setting}: {package} is not installed; run pip install -e ".[{extra}]"'
            )


def troubles() -> list[str]:
    """What is missing or does not go together, a line each with what would do."""
    here = [name for name in _BOTH if environment.version(name)]
    if not here:
        return [environment.MISSING]
    if len(here) == 2:
        return [
            "mindspore, mindspore-gpu: one overwrites files of the other;"
            f" run pip uninstall {' '.join(here)}, and install one of the two"
        ]
    return [*_python(), *_misfits(here[0])]


def _python() -> list[str]:
    version = tuple(map(int, platform.python_version_tuple()[:2]))
    if OLDEST <= version <= NEWEST:
        return []
    said = ".".join(map(str, version))
    return [f"python={said}: MindSpore has no wheel for it; use Python 3.9 to 3.12"]


def _misfits(package: str) -> list[str]:
    """Requirements of a package that what is installed does not meet."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in metadata.requires(package) or []:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        installed = environment.version(wanted.name)
        if not wanted.specifier.contains(installed or "0", prereleases=True) or not installed:
            found.append(
                f"{wanted.name}={installed or 'missing'}: {package}"
                f" {environment.version(package)} needs {wanted.specifier or 'it'};"
                f' run pip install "{wanted.name}{wanted.specifier}"'
            )
    return found
