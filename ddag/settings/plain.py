"""Settings as plain values, nested or by dotted key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from ddag.settings.settings import Settings

_OF_DEVICE = ("precision", "sync_bn", "accumulate")  # on what else computes hangs rounding alone


def to_plain(settings: Settings) -> dict[str, Any]:
    """Settings as nested plain values, for JSON."""
    plain = OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def dotted(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key, as in ``model.part``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(dotted(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def hyperparameters(settings: Settings) -> dict[str, Any]:
    """What tells one run from another, nested: not where it runs and where its files lie."""
    plain = to_plain(settings)
    for elsewhere in ("tag", "checkpoint", "job", "logger", "output"):
        del plain[elsewhere]
    plain["device"] = {name: plain["device"][name] for name in _OF_DEVICE}
    del plain["dataset"]["root"], plain["train"]["resume"]
    return plain
