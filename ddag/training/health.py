"""Whether the branches of a network still learn."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ddag.methods.method import Method
from ddag.training.progress import Progress

log = logging.getLogger(__name__)


def watch(method: Method[Any], progress: Progress, values: Mapping[str, float]) -> dict[str, str]:
    """The branches that are dead after the running epoch; warns once of each.

    Args:
        method: that knows the signs.
        progress: at the end of the epoch.
        values: the epoch's means, ``train/...``.

    Returns:
        By branch what is wrong with it, since which epoch, and what would help.
    """
    dead = {
        branch: progress.dead.get(branch, f"{sign} since epoch {progress.epoch + 1}; {remedy}")
        for branch, (sign, remedy) in method.diagnose(values).items()
    }
    for branch in sorted(dead.keys() - progress.dead.keys()):
        log.warning("%s", dead[branch])
    return dead
