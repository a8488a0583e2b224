"""Settings of what is trained and tested on: data set, images, batches and augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Broken


@dataclass
class PeopleConfig:
    """How many people are generated where a data set is made rather than given."""

    identities: int = MISSING
    images: int = MISSING  # of each identity by each modality or camera, as the data set has it
    seed: int = MISSING

    def __post_init__(self) -> None:
        name = "dataset.generate"
        require(4 <= self.identities <= 7000, f"{name}.identities", self.identities, "use 4-7000")
        require(1 <= self.images <= 1000, f"{name}.images", self.images, "use 1 to 1000")
        require(self.seed >= 0, f"{name}.seed", self.seed, "use 0 or more")


@dataclass
class DatasetConfig:
    """Where the images are; each data set adds what it can be told, in its own module."""

    name: str = MISSING
    root: str = MISSING
    generate: Optional[PeopleConfig] = None  # None: a real set, never written to


@dataclass
class DataConfig:
    """How images are read, whatever the data set."""

    height: int = MISSING  # pixels
    width: int = MISSING
    test_batch: int = MISSING
    workers: int = MISSING  # threads that augment
    broken: Broken = MISSING  # what happens with images that cannot be read

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            require(16 <= size <= 2048, f"data.{name}", size, "use 16 to 2048 pixels")
        require(1 <= self.test_batch <= 4096, "data.test_batch", self.test_batch, "use 1 to 4096")
        require(1 <= self.workers <= 64, "data.workers", self.workers, "use 1 to 64")


@dataclass
class SamplerConfig:
    """A batch is identities x images x 2 modalities."""

    identities: int = MISSING
    images: int = MISSING

    def __post_init__(self) -> None:
        few = "a triplet needs two identities; use 2 or more"
        require(self.identities >= 2, "sampler.identities", self.identities, few)
        require(1 <= self.images <= 1024, "sampler.images", self.images, "use 1 to 1024")


@dataclass
class AugmentationConfig:
    """What a training image goes through, each step its own switch."""

    crop: int = MISSING  # pixels of padding, from which the size is cut out anywhere; 0: off
    flip: bool = MISSING  # left to right, every other image
    grayscale: float = MISSING  # probability, visible images
    erasing: float = MISSING  # probability of a blank rectangle

    def __post_init__(self) -> None:
        require(0 <= self.crop <= 512, "augmentation.crop", self.crop, "use 0 (off) to 512 pixels")
        for name in ("grayscale", "erasing"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augmentation.{name}", value, "a probability, 0 to 1")
