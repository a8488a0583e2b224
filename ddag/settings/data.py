"""Settings of what is trained and tested on: data set, images, batches and augmentation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Optional

from omegaconf import MISSING

from ddag.machine.errors import require
from ddag.settings.choices import Broken, Erasing


@dataclass
class Dials:
    """How hard synthetic people are to recognise, each from 0 to 1.

    People, light, background and noise of an image are the same however a dial stands, and a dial
    draws from random numbers of its own: sets that differ in dials alone are paired by image.
    """

    # Share of the images in which something textured stands before a third to nearly half of the
    # height. 0: none; 1: all.
    occlusion: float = 0.0
    # How far boxes wander. 0: each fits; 1: by four times the default, and half of them also cut
    # off 15 to 35 % of the image at a side, the head or the feet.
    misalignment: float = 0.25
    # From 0, infrared sees the luminance of what is worn, to 0.5, it sees levels that have nothing
    # to do with colour, to 1, where prints and trims vanish in it, too, and only shapes are shared.
    modality_gap: float = 0.5
    # Share of the training images, of each modality, that bear somebody else's label; the people
    # of the test keep theirs.
    label_noise: float = 0.0
    # From 0, all stand still and are met from the side that is usual for them, to 0.5, they walk
    # and turn a little, at times elsewhere, to 1, each image is from any side.
    pose: float = 0.5


@dataclass
class PeopleConfig(Dials):
    """How many people are generated where a data set is made rather than given, and how hard."""

    identities: int = MISSING  # people generated, training and test together
    images: int = MISSING  # of each identity by each modality or camera, as the data set has it
    seed: int = MISSING  # draws the people

    def __post_init__(self) -> None:
        name = "dataset.generate"
        require(4 <= self.identities <= 7000, f"{name}.identities", self.identities, "use 4-7000")
        require(1 <= self.images <= 1000, f"{name}.images", self.images, "use 1 to 1000")
        require(self.seed >= 0, f"{name}.seed", self.seed, "use 0 or more")
        for dial in fields(Dials):
            value = getattr(self, dial.name)
            require(0 <= value <= 1, f"{name}.{dial.name}", value, "a dial goes from 0 to 1")


@dataclass
class DatasetConfig:
    """Where the images are; each data set adds what it can be told, in its own module."""

    name: str = MISSING
    root: str = MISSING  # folder of the images
    generate: Optional[PeopleConfig] = None  # None: a real set, never written to


@dataclass
class DataConfig:
    """How images are read, whatever the data set."""

    height: int = MISSING  # pixels
    width: int = MISSING  # pixels
    test_batch: int = MISSING  # images of a batch while features are extracted
    workers: int = MISSING  # threads that augment
    flip_test: bool = MISSING  # features are averaged with the mirror image's
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

    identities: int = MISSING  # in a batch
    images: int = MISSING  # of each identity and modality

    def __post_init__(self) -> None:
        few = "a triplet needs two identities; use 2 or more"
        require(self.identities >= 2, "sampler.identities", self.identities, few)
        require(1 <= self.images <= 1024, "sampler.images", self.images, "use 1 to 1024")


@dataclass
class ChannelsConfig:
    """Probabilities of images to have one of their channels R, G, B in all three; 0: off."""

    visible: float = MISSING  # of the first view of visible images
    further: float = MISSING  # of their further views, where a method has them
    infrared: float = MISSING  # of infrared images
    grayscale: float = MISSING  # of infrared images that keep their channels, to turn grey

    def __post_init__(self) -> None:
        for name in ("visible", "further", "infrared", "grayscale"):
            _require_probability(f"augmentation.channels.{name}", getattr(self, name))


@dataclass
class AugmentationConfig:
    """What a training image goes through, each step its own switch."""

    crop: int = MISSING  # pixels of padding, from which the size is cut out anywhere; 0: off
    flip: bool = MISSING  # left to right, every other image
    grayscale: float = MISSING  # probability, visible images
    erasing: float = MISSING  # probability of a blank rectangle
    erasing_infrared: Optional[float] = MISSING  # of infrared images; None: as of visible ones
    erasing_rule: Erasing = MISSING  # how the rectangle is drawn and filled
    channels: ChannelsConfig = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.crop <= 512, "augmentation.crop", self.crop, "use 0 (off) to 512 pixels")
        for name in ("grayscale", "erasing", "erasing_infrared"):
            value = getattr(self, name)
            if value is not None:
                _require_probability(f"augmentation.{name}", value)


def _require_probability(setting: str, value: float) -> None:
    require(0 <= value <= 1, setting, value, "a probability, 0 to 1")
