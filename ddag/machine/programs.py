"""What other programs on the machine answer, and what those of this package need."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

_PATIENCE = 10  # seconds for an answer
_PLACE = Path(__file__).parents[2]  # of this package


def ask(*command: str, env: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """What a program prints; None where there is none such, or it fails or keeps waiting.

    Args:
        *command: the program and its arguments.
        env: its environment; None for that of this process.
    """
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()


def with_this_package() -> dict[str, str]:
    """This process's environment, in which another Python finds the same package as this one."""
    paths = [str(_PLACE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
