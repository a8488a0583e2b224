"""The job export_weights: a checkpoint of ours into the names of its method's authors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ddag.settings.jobs import ExportConfig
from ddag.settings.settings import Settings
from ddag.training import parts
from ddag.training.restore import restore
from ddag.weights import filling

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write a checkpoint's weights under the authors' names.

    Raises:
        InputError: the checkpoint cannot be read.
    """
    job = settings.job_as(ExportConfig)
    parts.configure_device(settings)
    stored = restore(settings, [])
    filling.write_original(stored.learner, Path(job.target), stored.method.names)
    log.info("Wrote %s", job.target)
    return 0.0
