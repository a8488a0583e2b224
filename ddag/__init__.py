"""DDAG: visible-infrared person re-identification on MindSpore.

In a notebook: ``load``, ``rank``, ``compose`` and ``train``, see ``ddag.api``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddag.api import compose, load, rank, train

__version__ = "0.1.0"
__all__ = ["compose", "load", "rank", "train"]


def __getattr__(name: str) -> Any:
    """The functions of ``ddag.api``, imported when one is asked for: each command starts here."""
    if name not in __all__:
        raise AttributeError(f"module 'ddag' has no attribute {name!r}")
    from ddag import api

    return getattr(api, name)
