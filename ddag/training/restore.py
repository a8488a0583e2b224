"""A network back from its checkpoint, with the settings that it was trained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddag import composition
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.machine.errors import InputError
from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.checkpoint import Description
from ddag.training.learner import Learner


@dataclass(frozen=True)
class Restored:
    """What a checkpoint was made of.

    Attributes:
        settings: of its run, with what the command line says on top.
        method: that they name.
        dataset: that they name.
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


def restore(settings: Settings, given: Sequence[str]) -> Restored:
    """What ``settings.checkpoint`` was made of.

    Args:
        settings: of this run.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint cannot be read, or ``given`` asks for another network.
    """
    path = Path(str(settings.checkpoint))
    stored = checkpoint.read(path)
    restored = composition.restore(stored.described.settings, settings, given)
    method = open_method(restored)
    learner = parts.build_learner(method, stored.described.identities)
    checkpoint.load_weights(learner, stored, path)
    dataset = open_dataset(restored.dataset, restored.data)
    return Restored(restored, method, dataset, learner, stored.described, path)


def refuse_other_split(restored: Restored) -> None:
    """Refuse another split of a data set than the network was trained on.

    The splits share people: among the queries of one are people that another trains on.

    Raises:
        InputError: it is another, and the same data set.
    """
    now, trained = restored.settings.dataset, restored.described.settings["dataset"]
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
