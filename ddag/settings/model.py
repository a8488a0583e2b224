"""What every method's settings have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Backbone, Pooling


@dataclass
class ModelConfig:
    """A network of two streams; a method's own settings add to it, in the method's module."""

    name: str = MISSING  # of the method
    backbone: Backbone = MISSING  # the two-stream ResNet's depth
    pooling: Pooling = Pooling.avg  # of the last feature map
    gem_exponent: int = 3  # of the generalised mean, for pooling=gem
    private_stages: int = 0  # how many of layer1 to layer4 each modality has of its own
    pretrained: Optional[str] = None  # weights to start from

    def __post_init__(self) -> None:
        exponent, private = self.gem_exponent, self.private_stages
        require(1 <= exponent <= 32, "model.gem_exponent", exponent, "use a whole number, 1 to 32")
        require(0 <= private <= 4, "model.private_stages", private, "use 0 (all shared) to 4")

    @property
    def exponent(self) -> int:
        """Of the mean that pools the last map; 1 is the plain mean."""
        return self.gem_exponent if self.pooling is Pooling.gem else 1
