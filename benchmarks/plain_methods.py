"""AGW, CAJ and HCT in plain PyTorch: the same networks, losses and optimiser, for a step's time.

A method beside PyTorch has a line in ``PLAIN``.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bare import BLOCKS
from benchmarks.plain_torch import Block, batch_hard_triplet, stem

NON_LOCAL = {1: 2, 2: 3}  # blocks of a stage, from 0, that have a non-local one after them


class NonLocal(nn.Module):
    """As the authors' release computes it: what each place sees of each other one, summed up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(channels, 1, 1) for _ in range(3))
        self.out = nn.Sequential(nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        theta, phi, g = (each(x).flatten(2) for each in (self.theta, self.phi, self.g))
        looks = theta.transpose(1, 2) @ phi / theta.shape[2]  # (B, n, n)
        y = looks @ g.transpose(1, 2)  # (B, n, 1)
        return x + self.out(y.transpose(1, 2).reshape(len(x), 1, *x.shape[2:]))


class PlainAgw(nn.Module):
    """Two-stream ResNet with non-local blocks, GeM pooling, neck and classifier."""

    def __init__(self, backbone: str, classes: int, *, squared: bool) -> None:
        super().__init__()
        expansion = 4 if backbone == "resnet50" else 1
        self.visible, self.infrared, self.squared = stem(), stem(), squared
        inputs, layers = 64, []
        stages = zip((64, 128, 256, 512), BLOCKS[backbone], (1, 2, 2, 1))
        for stage, (width, count, stride) in enumerate(stages):
            for number in range(count):
                layers.append(Block(inputs, width, width * expansion, stride if not number else 1))
                inputs = width * expansion
                if count - number <= NON_LOCAL.get(stage, 0):
                    layers.append(NonLocal(inputs))
        self.shared = nn.Sequential(*layers)
        self.bottleneck = nn.BatchNorm1d(inputs)
        self.classifier = nn.Linear(inputs, classes, bias=False)

    def forward(self, visible: Tensor, infrared: Tensor, labels: Tensor) -> Tensor:
        """The sum of the losses; labels of all images, the visible ones first."""
        feature_map = self.shared(torch.cat((self.visible(visible), self.infrared(infrared))))
        pooled = (feature_map.pow(3).mean((2, 3)) + 1e-12) ** (1 / 3)
        loss = functional.cross_entropy(self.classifier(self.bottleneck(pooled)), labels)
        return loss + weighted_triplet(pooled, labels, squared=self.squared)


def weighted_triplet(features: Tensor, labels: Tensor, *, squared: bool) -> Tensor:
    square = features.pow(2).sum(1)
    distance = (square[:, None] + square - 2 * features @ features.T).clamp(min=1e-12).sqrt()
    same = (labels[:, None] == labels).float()
    excess = weighted(distance, same) - weighted(-distance, 1 - same)
    if squared:
        excess = excess.sign() * excess.pow(2).clamp(max=88)
    return functional.softplus(excess).mean()


def weighted(scores: Tensor, mask: Tensor) -> Tensor:
    """The size of each row's masked scores, weighed by a softmax of them."""
    masked = scores * mask
    powers = (masked - masked.amax(1, keepdim=True)).exp() * mask
    return (powers * scores.abs()).sum(1) / (powers.sum(1) + 1e-6)


class PlainHct(nn.Module):
    """A stem and a first stage for each modality, stripes pooled, embedded and classified alone."""

    STRIPES, WIDTH = 6, 256

    def __init__(self, backbone: str, classes: int) -> None:
        super().__init__()
        expansion = 4 if backbone == "resnet50" else 1
        self.visible, self.infrared = (
            nn.Sequential(stem(), *stage(backbone, 0, 64, expansion)) for _ in range(2)
        )
        channels = [64 * expansion, 128 * expansion, 256 * expansion]
        later = (stage(backbone, i, inputs, expansion) for i, inputs in enumerate(channels, 1))
        self.shared = nn.Sequential(*(block for blocks in later for block in blocks))
        self.stripes = nn.ModuleList(
            nn.Sequential(
                nn.Linear(512 * expansion, self.WIDTH), nn.BatchNorm1d(self.WIDTH), nn.ReLU()
            )
            for _ in range(self.STRIPES)
        )
        self.classifiers = nn.ModuleList(
            nn.Linear(self.WIDTH, classes) for _ in range(self.STRIPES)
        )

    def forward(self, visible: Tensor, infrared: Tensor, labels: Tensor) -> Tensor:
        """The sum of the losses; labels of all images, the visible ones first."""
        feature_map = self.shared(torch.cat((self.visible(visible), self.infrared(infrared))))
        cubes = functional.adaptive_avg_pool2d(feature_map.pow(3), (self.STRIPES, 1))
        pooled = (cubes + 1e-12).pow(1 / 3).flatten(2)  # (N, C, P)
        features = [stripe(pooled[:, :, place]) for place, stripe in enumerate(self.stripes)]
        # A centre of each identity and modality: the images of one stand in turn in a batch.
        is_next = torch.cat((torch.ones(1).bool(), labels[1:] != labels[:-1]))
        group = is_next.cumsum(0) - 1
        starts = is_next.nonzero().flatten()
        members = functional.one_hot(group).T.float()
        means = members / members.sum(1, keepdim=True)
        same = labels[starts][:, None] == labels[starts]
        loss = torch.zeros(())
        for feature, classifier in zip(features, self.classifiers):
            loss = loss + functional.cross_entropy(classifier(feature), labels)
            loss = loss + batch_hard_triplet(means @ feature, same)
        return loss + batch_hard_triplet(means @ torch.cat(features, 1), same)


def stage(backbone: str, number: int, inputs: int, expansion: int) -> list[Block]:
    """The blocks of one of a ResNet's four stages, from 0."""
    outputs = (64 << number) * expansion
    blocks = [Block(inputs, 64 << number, outputs, 2 if number in (1, 2) else 1)]
    while len(blocks) < BLOCKS[backbone][number]:
        blocks.append(Block(outputs, 64 << number, outputs, 1))
    return blocks


class PlainTraining:
    """A step on NumPy arrays by SGD with Nesterov momentum, as the recipes of both have it."""

    def __init__(self, network: nn.Module, *, channels_last: bool) -> None:
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.format)
        self.optimizer = torch.optim.SGD(
            network.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4, nesterov=True
        )

    def step(self, visible: np.ndarray, infrared: np.ndarray, identities: np.ndarray) -> float:
        images = [
            torch.from_numpy(array).to(memory_format=self.format) for array in (visible, infrared)
        ]
        self.optimizer.zero_grad()
        loss = self.network(*images, torch.from_numpy(identities).long())
        loss.backward()
        self.optimizer.step()
        return loss.item()


PLAIN: dict[str, Callable[[str, int], nn.Module]] = {
    "agw": lambda backbone, classes: PlainAgw(backbone, classes, squared=False),
    "caj": lambda backbone, classes: PlainAgw(backbone, classes, squared=True),
    "hct": PlainHct,
}
