"""Methods: each says its settings, network, objective, and what it asks of data and training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddag.machine.registry import Registry

if TYPE_CHECKING:
    from ddag.methods.method import Method
    from ddag.settings.settings import Settings

METHODS: Registry[type[Method[Any]]] = Registry(
    "model.name",
    "ddag.methods",
    {
        "baseline": "ddag.methods.baseline:Baseline",
        "ddag": "ddag.methods.ddag:Ddag",
        "agw": "ddag.methods.agw:Agw",
        "caj": "ddag.methods.caj:Caj",
        "hct": "ddag.methods.hct:Hct",
    },
)


def open_method(settings: Settings) -> Method[Any]:
    """The method that the settings name.

    Raises:
        InputError: there is none of this name.
    """
    return METHODS.find(settings.model.name)(settings)
