"""The job export: a checkpoint's network into files that other programs run, each run and checked.

One file of each modality: onnxruntime wants every input of a file at each run, so that one file
with two inputs could not be asked about images of one modality alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ddag.data.normalising import normalise
from ddag.evaluation.extractor import Extractor, Size
from ddag.export import checking, mindir_file, onnx_file
from ddag.export.label import Label, labels
from ddag.machine.bar import clock
from ddag.machine.errors import InputError, require
from ddag.machine.files import replacing, write_text
from ddag.machine.words import printable
from ddag.runs import model_card
from ddag.runs.result import in_words
from ddag.settings.choices import ExportFormat, Modality, Precision
from ddag.settings.jobs import ExportConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.restore import Restored, restore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """A file: its name, its SHA-256, and by how much its features differ at most."""

    name: str
    sha256: str
    difference: float


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write a checkpoint's network, once its files give the checkpoint's features, and a card.

    Raises:
        InputError: the checkpoint cannot be read, the files differ or cannot be written.
    """
    job = settings.job_as(ExportConfig)
    chosen = settings.device.precision
    whole = "files are written in float32; leave it out"
    require(chosen is Precision.fp32, "device.precision", chosen, whole)
    if job.format is ExportFormat.onnx:
        onnx_file.refuse_missing("job.format=onnx")
    parts.configure_device(settings)
    stored = restore(settings, [], folder)
    target = Path(job.target)
    with ExitStack() as drafts:
        written = []
        own = checkpoint.sha256(stored.path)
        for label in labels(stored.method, own, pixels=job.pixels).values():
            path = target / f"{label.modality}.{job.format}"
            with clock(f"writing and checking {path}"):
                draft = drafts.enter_context(replacing(path))
                written.append(_write(stored, label, path, draft))
    card = target / f"{job.format}.md"
    write_text(card, _card(stored, job, written))
    for file in written:
        log.info(
            "Wrote %s; its features differ by %.1e at most", target / file.name, file.difference
        )
    log.info("Wrote %s", card)
    return 0.0


def _write(stored: Restored, label: Label, path: Path, draft: Path) -> Written:
    """Write a draft of a file and compare its features with the checkpoint's.

    Raises:
        InputError: they differ.
    """
    network, largest = stored.learner.network, 0.0
    people = checking.draw_people(label.modality, height=label.height, width=label.width)
    batches = [normalise(people[:count]) for count in checking.BATCHES]
    size = Size(label.height, label.width, len(people))
    extractor = Extractor(network, label.features, size)
    ours = extractor.extract_decoded(people, len(people), label.modality)
    if path.suffix == ".onnx":
        onnx_file.write(draft, network, label)
        file = onnx_file.OnnxFile(draft, label, threads=stored.settings.device.threads)
        found = [file(images) for images in batches]
    else:
        mindir_file.write(draft, network, label)
        found = mindir_file.run_alone(draft, label, batches)
    for count, theirs in zip(checking.BATCHES, found):
        differs = checking.difference([each[:count] for each in ours.values()], theirs)
        if differs > checking.MOST:
            raise InputError(
                f"{printable(path)}: not written: of {count} images at a time its features differ"
                f" from the checkpoint's by {differs:.1e}, more than {checking.MOST:g}; see whether"
                " job=evaluate gives this checkpoint its scores, and report it"
            )
        largest = max(largest, differs)
    return Written(path.name, checkpoint.sha256(draft), largest)


def _card(stored: Restored, job: ExportConfig, written: Sequence[Written]) -> str:
    own, described = checkpoint.sha256(stored.path), stored.described
    shown = labels(stored.method, own, pixels=job.pixels)[Modality.visible]
    facts: Mapping[str, str] = {
        **{key: shown.words[key] for key in ("method", "features", "input", "mean", "deviation")},
        "images": f"any number, {' x '.join(map(str, shown.shape))} each, resized by LANCZOS",
        "data set": in_words(stored.dataset.describe()),
        "trained": f"{described.epoch} epochs, {described.step} steps",
        **{
            file.name: f"SHA-256 {file.sha256}; its features differ from the checkpoint's by"
            f" {file.difference:.1e} at most"
            for file in written
        },
        "SHA-256 of the checkpoint": own,
    }
    result = model_card.measured(stored.path, own)
    return model_card.card(f"{shown.method}, {job.format}", facts, result, described.settings)
