"""A method and a data set of someone's own: a module and a YAML each, as docs/extending.md says.

The modules stand here as text, since tests write them to a folder outside of the package.
"""

from __future__ import annotations

from pathlib import Path

METHOD = '''
"""A toy method: the baseline's network, its features pulled towards length 1."""

from dataclasses import dataclass

from mindspore import Tensor
from omegaconf import MISSING

from ddag.losses.objective import Objective
from ddag.machine.errors import require
from ddag.methods.method import Method
from ddag.model.network import Network
from ddag.settings.choices import Modality
from ddag.settings.model import ModelConfig


@dataclass
class ToyConfig(ModelConfig):
    """How much the pull counts."""

    pull: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.pull >= 0, "model.pull", self.pull, "use 0 or more")


class Pulled(Objective):
    """The shared losses, and the pull."""

    def __init__(self, pull: float, **shared: object) -> None:
        super().__init__(**shared)
        self.pull = pull
        self.terms = (*self.terms, "loss_pull")

    def construct(self, outputs, identities: Tensor, modalities: Tensor):
        losses = self.shared_losses(outputs, identities, modalities)
        pull = self.pull * ((outputs[0] * outputs[0]).sum(1) - 1).abs().mean()
        total = pull
        for loss in losses:
            total = total + loss
        return (total,) + losses + (pull,)


class Toy(Method[ToyConfig]):
    """Three views: two of the visible image, one of the infrared."""

    config = ToyConfig
    views = (Modality.visible, Modality.visible, Modality.infrared)
    features = ("feat",)

    def network(self, identities: int) -> Network:
        return Network(identities, **self.streams)

    def objective(self, network: Network, identities: int) -> Objective:
        return Pulled(self.model.pull, **vars(self.settings.loss))
'''

METHOD_YAML = """
name: toy
backbone: resnet18
pretrained: null
pull: 0.01
"""

DATASET = '''
"""A toy data set: one folder a person and modality, the first people to train with."""

from dataclasses import dataclass

import numpy as np
from omegaconf import MISSING

from ddag.data.protocol import Protocol, exclude_nothing
from ddag.data.records import Records, TestSet, TrainSet
from ddag.datasets.dataset import Dataset
from ddag.machine.errors import InputError
from ddag.settings.choices import Modality
from ddag.settings.data import DatasetConfig


@dataclass
class FoldersConfig(DatasetConfig):
    """How many of the people are to train with."""

    training: int = MISSING


class Folders(Dataset[FoldersConfig]):
    """Pictures in ``visible/<person>/`` and ``infrared/<person>/``."""

    config = FoldersConfig
    protocol = Protocol(exclude_nothing, "images")

    def _list_train(self) -> TrainSet:
        return TrainSet(*(self._list(each, training=True) for each in Modality))

    def _list_test(self) -> TestSet:
        query, gallery = (self._list(each, training=False) for each in Modality)
        return TestSet(query, gallery, (np.arange(len(gallery)),))

    def _list(self, modality: Modality, *, training: bool) -> Records:
        folder = self.root / modality.value
        if not folder.is_dir():
            raise InputError(f"dataset.root={self.root}: {modality.value}/ is missing there")
        people = sorted(folder.iterdir(), key=lambda person: int(person.name))
        first = self.settings.training
        chosen = people[:first] if training else people[first:]
        rows = [(str(file), number) for number, person in enumerate(chosen)
                for file in sorted(person.iterdir())]
        paths, identities = zip(*rows)
        cameras = np.full(len(paths), 1 + list(Modality).index(modality))
        return Records(np.array(paths), np.array(identities), cameras, modality)
'''

DATASET_YAML = """
# @package _global_
dataset:
  name: folders
  root: ???
  generate: null
  training: 6

model:
  backbone: resnet18
"""

ENTRY_POINTS = """
[ddag.methods]
toy = toy_method:Toy

[ddag.datasets]
folders = folders_dataset:Folders
"""


def install(folder: Path) -> Path:
    """Put both packages into ``folder`` as pip would, and their YAML into a folder that it gives.

    To be found, ``folder`` must be on PYTHONPATH, and the result named by ``--config-dir``.
    """
    conf, described = folder / "conf", folder / "toys-1.0.dist-info"
    for place in (described, conf / "model", conf / "dataset"):
        place.mkdir(parents=True)
    (folder / "toy_method.py").write_text(METHOD)
    (folder / "folders_dataset.py").write_text(DATASET)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    (conf / "model" / "toy.yaml").write_text(METHOD_YAML)
    (conf / "dataset" / "folders.yaml").write_text(DATASET_YAML)
    return conf
