"""What other programs on the machine answer."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Optional

_PATIENCE = 10  # seconds for an answer


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
