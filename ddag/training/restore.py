"""A network back from its checkpoint, with the settings that it was trained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddag.machine.errors import InputError
from ddag.model.network import DDAG
from ddag.settings import composition as config
from ddag.settings.data import RegdbConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint
from ddag.training import parts as build


@dataclass(frozen=True)
class Restored:
    """A network with its weights."""

    network: DDAG
    settings: Settings  # of the training, with what the command line says on top
    meta: dict[str, Any]  # of the checkpoint
    path: Path


def network(settings: Settings, given: Sequence[str]) -> Restored:
    """The network of ``settings.checkpoint``.

    Args:
        settings: of this run.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint cannot be read, or ``given`` asks for another network.
    """
    path = Path(str(settings.checkpoint))
    stored = checkpoint.read(path)
    restored = config.restore(stored.meta["settings"], settings, given)
    built = build.build_network(restored, stored.meta["identities"])
    checkpoint.load_weights(built, stored, path)
    return Restored(built, restored, stored.meta, path)


def refuse_other_split(restored: Restored) -> None:
    """Refuse another split of RegDB than the network was trained on.

    The splits share people: among the queries of one are people that another trains on.

    Raises:
        InputError: it is another, and the same data set.
    """
    dataset, trained = restored.settings.dataset, restored.meta["settings"]["dataset"]
    if not isinstance(dataset, RegdbConfig) or dataset.name != trained["name"]:
        return
    if dataset.trial != trained.get("trial"):
        raise InputError(
            f"dataset.trial={dataset.trial}: {restored.path} was trained on split"
            f" {trained.get('trial')}, whose people are among this split's queries, which inflates"
            " the figures; leave dataset.trial out, or set job.allow_mismatch=true"
        )
