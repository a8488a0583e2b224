"""What every method's settings have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.settings.choices import Backbone


@dataclass
class ModelConfig:
    """A network of two streams; a method's own settings add to it, in the method's module."""

    name: str = MISSING  # of the method
    backbone: Backbone = MISSING
    pretrained: Optional[str] = None  # weights to start from
