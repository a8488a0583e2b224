"""The job prepare: what a data set's training reads in place of its images, written before it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ddag.datasets import open_dataset
from ddag.settings.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Prepare the data set; the score is 0.

    Raises:
        InputError: the data set needs nothing of the kind, or its images cannot be read.
    """
    open_dataset(settings.dataset, settings.data).prepare()
    log.info("Prepared %s", settings.dataset.root)
    return 0.0
