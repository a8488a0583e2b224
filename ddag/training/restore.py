"""A network back from its checkpoint, with the settings that it was trained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import yaml

from ddag import composition
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.export import onnx_file
from ddag.export.label import labels
from ddag.export.onnx_file import OnnxFile
from ddag.machine.errors import InputError
from ddag.machine.files import write_text
from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.settings.choices import Modality
from ddag.settings.plain import to_plain
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.average import averages
from ddag.training.description import Description
from ddag.training.learner import Learner

CONFIG = Path(".hydra", "config.yaml")  # in a run folder
_TRAINED = ("seed", "sampler", "augmentation", "loss", "optimizer", "schedule", "train")


@dataclass(frozen=True)
class Restored:
    """What a checkpoint was made of.

    Attributes:
        settings: of its run, with what the command line says on top.
        method: that they name.
        dataset: that they name; where no word of the command line does, it is only read.
        learner: network and objective with their weights.
        described: what the checkpoint says of itself.
        path: of the checkpoint.
    """

    settings: Settings
    method: Method[Any]
    dataset: Dataset[Any]
    learner: Learner
    described: Description
    path: Path


def restore(settings: Settings, given: Sequence[str], folder: Optional[Path] = None) -> Restored:
    """What ``settings.checkpoint`` was made of.

    Args:
        settings: of this run.
        given: overrides of the command line, which go before the checkpoint's settings.
        folder: of this run, whose configuration is put right: Hydra knew no checkpoint when it
            wrote that down.

    Raises:
        InputError: the checkpoint cannot be read, or ``given`` asks for another network.
    """
    path = Path(str(settings.checkpoint))
    stored = checkpoint.read(path)
    restored = composition.restore(stored.described.settings, settings, given)
    method = open_method(restored)
    learner = parts.build_learner(method, stored.described.identities)
    # A run with an average of its weights is evaluated by it, in the middle of training, too.
    kept = averages(stored.optimizer)
    checkpoint.load_weights(learner, replace(stored, weights=kept) if kept else stored, path)
    asked = composition.names_dataset(given)
    dataset = open_dataset(restored.dataset, restored.data, asked=asked)
    written = folder and folder / CONFIG
    if written and written.is_file():
        write_text(written, yaml.safe_dump(_effective(restored, stored.described), sort_keys=False))
    return Restored(restored, method, dataset, learner, stored.described, path)


def _effective(settings: Settings, described: Description) -> dict[str, Any]:
    """Settings of a run on a checkpoint, the training's as they were: it made what is measured."""
    plain = to_plain(settings)
    trained = {key: described.settings[key] for key in _TRAINED if key in described.settings}
    return {**plain, **trained}


def open_exported(stored: Restored, folder: Optional[str]) -> Optional[dict[Modality, OnnxFile]]:
    """The ONNX files that give a checkpoint's features in its place; None without a folder.

    Raises:
        InputError: one cannot be read, or is of another checkpoint; or there is no ONNX.
    """
    if folder is None:
        return None
    onnx_file.refuse_missing(f"job.exported={folder}")
    of_each = labels(stored.method, checkpoint.sha256(stored.path))
    return onnx_file.open_folder(Path(folder), of_each, threads=stored.settings.device.threads)


def refuse_other_split(restored: Restored) -> None:
    """Refuse another split of a data set than the network was trained on.

    The splits share people: among the queries of one are people that another trains on.

    Raises:
        InputError: it is another, and the same data set.
    """
    now, trained = restored.settings.dataset, restored.described.settings.get("dataset", {})
    if now.name != trained.get("name"):
        return
    for key in restored.dataset.split_keys:
        value, before = getattr(now, key), trained.get(key)
        if value != before:
            raise InputError(
                f"dataset.{key}={value}: {restored.path} was trained on split {before}, whose"
                " people are among this split's queries, which inflates the scores; leave"
                f" dataset.{key} out, or set job.allow_mismatch=true"
            )
