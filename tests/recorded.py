"""Where the figures of the original network are, and the rule of its stand-in weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

REFERENCE = Path(__file__).parent / "reference"


def load_rule() -> ModuleType:
    """The reference's stand-in weights and images, ``tests/reference/rule.py``."""
    spec = importlib.util.spec_from_file_location("rule", REFERENCE / "rule.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
