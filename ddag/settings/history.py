"""What earlier versions called things: their settings and command lines in today's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ddag.machine.errors import InputError
from ddag.settings.choices import ScheduleKind
from ddag.settings.data import Dials
from ddag.settings.training import SCHEDULES

# Overrides that say the same today.
_WORDS = {
    "loss.kind=id": ["loss.identity=true", "loss.triplet=null"],
    "loss.kind=tri": ["loss.identity=false"],
    "loss.kind=id+tri": ["loss.identity=true"],
}
_KEYS = {"dataset.generate.pictures": "dataset.generate.images"}
_PAPER = {"kind": "warmup_decay", "warmup": 10, "start_decay": 20, "end_decay": 50}


def translate(words: Sequence[str]) -> list[str]:
    """A command line in today's words.

    Raises:
        InputError: a word has no equal today; what takes its place.
    """
    translated: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        plain = word.replace("'", "").replace('"', "").replace("LossKind.", "")
        if key == "loss.kind" and plain not in _WORDS:
            raise InputError(
                f"{word}: there are two switches now, loss.identity=true,false and"
                " loss.triplet=hard,center,null"
            )
        translated += _WORDS.get(plain, [_KEYS.get(key, key) + equals + value])
    return translated


def upgrade(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings of a checkpoint of any version, as today's are.

    Args:
        stored: as it was saved. What is not as any version saved it comes back as it is, to be
            refused where it is read.
    """
    settings = dict(stored)
    rules = {
        "model": _model,
        "loss": _loss,
        "optimizer": _optimizer,
        "schedule": _schedule,
        "dataset": _dataset,
        "train": _train,
        "augmentation": _augmentation,
        "data": _data,
        "device": _device,
    }
    for group, rule in rules.items():
        if isinstance(settings.get(group), Mapping):
            settings[group] = rule(dict(settings[group]))
    return settings


def _model(model: dict[str, Any]) -> dict[str, Any]:
    # Once there was one method, and one way to pool and to share.
    model = {"name": "ddag", "pooling": "avg", "gem_exponent": 3, "private_stages": 0, **model}
    if model["name"] == "ddag" and "attention" not in model:
        # DDAG's branches were the authors' alone.
        model.update(attention="paper", graph_input="pooled", graph_edges="identity")
    return model


def _optimizer(optimizer: dict[str, Any]) -> dict[str, Any]:
    return {"graph_scale": 1.0, "clip": None, **optimizer}


def _loss(loss: dict[str, Any]) -> dict[str, Any]:
    loss = {"smoothing": 0.0, **loss}
    kind = loss.pop("kind", None)
    if kind is None:
        return loss
    triplet = loss.get("triplet") if "tri" in str(kind) else None
    return {**loss, "identity": "id" in str(kind), "triplet": triplet}


def _schedule(schedule: dict[str, Any]) -> dict[str, Any]:
    if schedule.get("kind") == "paper":
        return dict(_PAPER)
    kind = str(schedule.get("kind"))
    if kind not in ScheduleKind.__members__:
        return schedule
    used = {each.name for each in fields(SCHEDULES[ScheduleKind[kind]])}
    return {key: value for key, value in schedule.items() if key in used}


def _train(train: dict[str, Any]) -> dict[str, Any]:
    return {"patience": 0, "ema": 0.0, **train}


def _dataset(dataset: dict[str, Any]) -> dict[str, Any]:
    people = dataset.get("generate")
    if isinstance(people, Mapping):
        renamed = {"images" if key == "pictures" else key: value for key, value in people.items()}
        # Once all people were those that the dials give at their defaults.
        dataset["generate"] = {**{dial.name: dial.default for dial in fields(Dials)}, **renamed}
    return dataset


def _data(data: dict[str, Any]) -> dict[str, Any]:
    return {"flip_test": False, **data}


def _device(device: dict[str, Any]) -> dict[str, Any]:
    return {"precision": "fp32", "workers": 1, "sync_bn": True, "accumulate": 1, **device}


def _augmentation(augmentation: dict[str, Any]) -> dict[str, Any]:
    # Once there was one rule of erasing, for both modalities, and channels stayed as they were.
    channels = dict.fromkeys(("visible", "further", "infrared", "grayscale"), 0.0)
    added = {"erasing_infrared": None, "erasing_rule": "zhong", "channels": channels}
    return {**added, **augmentation}
