"""The job export_weights: a checkpoint of ours into the names of its method's authors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ddag.machine.files import write_text
from ddag.machine.words import counted
from ddag.runs import model_card
from ddag.runs.result import in_words
from ddag.settings.jobs import ExportWeightsConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.restore import Restored, restore
from ddag.weights import filling

log = logging.getLogger(__name__)


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write a checkpoint's weights under the authors' names, and a card beside them.

    Raises:
        InputError: the checkpoint cannot be read, or a file cannot be written.
    """
    job = settings.job_as(ExportWeightsConfig)
    parts.configure_device(settings)
    stored = restore(settings, [], folder)
    target = Path(job.target)
    filling.write_original(stored.learner, target, stored.method.names)
    write_text(target.with_suffix(".md"), _card(stored, target))
    log.info("Wrote %s and %s", target, target.with_suffix(".md"))
    return 0.0


def _card(stored: Restored, target: Path) -> str:
    own, described = checkpoint.sha256(stored.path), stored.described
    result = model_card.measured(stored.path, own)
    facts = {
        "method": stored.settings.model.name,
        "data set": in_words(stored.dataset.describe()),
        "trained": f"{counted(described.epoch, 'epoch')}, {counted(described.step, 'step')}",
        "SHA-256": checkpoint.sha256(target),
        "SHA-256 of the checkpoint": own,
    }
    return model_card.card(target.stem, facts, result, described.settings)
