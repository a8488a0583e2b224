"""DDAG in plain PyTorch: the same network, losses and optimiser, to time and to learn beside."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bare import BLOCKS


def conv_bn(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def stem() -> nn.Sequential:
    return nn.Sequential(*conv_bn(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))


class Block(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        relu = nn.ReLU(inplace=True)
        if outputs == width:
            layers = [*conv_bn(inputs, width, 3, stride), relu, *conv_bn(width, outputs, 3)]
        else:
            layers = [*conv_bn(inputs, width), relu, *conv_bn(width, width, 3, stride)]
            layers += [relu, *conv_bn(width, outputs)]
        self.layers = nn.Sequential(*layers)
        projects = inputs != outputs
        self.shortcut = nn.Sequential(*conv_bn(inputs, outputs, 1, stride)) if projects else None

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.layers(x) + (self.shortcut(x) if self.shortcut else x))


class PartAttention(nn.Module):
    def __init__(self, channels: int, part: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        self.gate = nn.Parameter(torch.full((part,), 1 / part))
        self.bottleneck = nn.BatchNorm1d(channels)
        self.part = part

    def forward(self, feature_map: Tensor, feat: Tensor) -> Tensor:
        stripes = functional.adaptive_avg_pool2d(feature_map, (self.part, 1))
        stripes = stripes.squeeze(3).transpose(1, 2)  # (N, P, C)
        similarity = self.query(stripes) @ self.key(stripes).transpose(1, 2)
        attended = similarity.softmax(-1) @ self.value(stripes)
        weights = self.gate.softmax(0)[:, None]
        return self.bottleneck((attended * weights).sum(1) + feat)


class GraphAttention(nn.Module):
    """The heads at once, and a^T [h_i, h_j] as a1^T h_i + a2^T h_j, as in the framework."""

    def __init__(self, channels: int, features: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(heads, channels, features) * 0.01)
        self.attention = nn.Parameter(torch.randn(heads, 2 * features, 1) * 0.01)
        self.features = features

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        hidden = nodes @ self.weight  # (K, N, F)
        source = hidden @ self.attention[:, : self.features]
        target = hidden @ self.attention[:, self.features :]
        scores = functional.leaky_relu(source + target.transpose(1, 2), 0.2)
        attention = scores.masked_fill(~edges, -9e15).softmax(-1)
        attended = functional.dropout(attention, 0.2, self.training) @ hidden
        return functional.elu(attended.transpose(0, 1).flatten(1))


class PlainNetwork(nn.Module):
    """Two-stream ResNet, IWPA and graph attention."""

    def __init__(self, backbone: str, classes: int, *, part: int, low_dim: int, heads: int) -> None:
        super().__init__()
        expansion = 4 if backbone == "resnet50" else 1
        self.visible, self.infrared = stem(), stem()
        inputs, blocks = 64, []
        for width, count, stride in zip((64, 128, 256, 512), BLOCKS[backbone], (1, 2, 2, 1)):
            for number in range(count):
                block_stride = stride if number == 0 else 1
                blocks.append(Block(inputs, width, width * expansion, block_stride))
                inputs = width * expansion
        self.shared = nn.Sequential(*blocks)
        self.bottleneck = nn.BatchNorm1d(inputs)
        self.classifier = nn.Linear(inputs, classes, bias=False)
        self.part = PartAttention(inputs, part)
        self.first = GraphAttention(inputs, low_dim, heads)
        self.second = GraphAttention(heads * low_dim, classes, 1)

        self.draw()

    def draw(self) -> None:
        """First weights as the authors draw them, where PyTorch's own are not theirs."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.001)
        for layer in (self.first, self.second):
            for head in (*layer.weight.data, *layer.attention.data):
                nn.init.xavier_uniform_(head, gain=1.414)

    def maps(self, **images: Tensor) -> Tensor:
        """The last feature maps of one modality or two, by its name."""
        stems = [getattr(self, modality)(each) for modality, each in images.items()]
        return self.shared(torch.cat(stems))

    def features(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """feat and feat_att, of any length."""
        feat = self.bottleneck(feature_map.mean((2, 3)))
        return feat, self.part(feature_map, feat)

    def forward(self, visible: Tensor, infrared: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """L_P, of identities, triplets and parts, and L_G, the graph's; labels of all images."""
        feature_map = self.maps(visible=visible, infrared=infrared)
        feat, refined = self.features(feature_map)
        pooled = feature_map.mean((2, 3))
        edges = labels[:, None] == labels
        x = self.first(functional.dropout(pooled, 0.2, self.training), edges)
        scores = self.second(functional.dropout(x, 0.2, self.training), edges)
        loss = functional.cross_entropy(self.classifier(feat), labels)
        loss = loss + functional.cross_entropy(self.classifier(refined), labels)
        graph = functional.nll_loss(scores.log_softmax(-1), labels)
        return loss + batch_hard_triplet(pooled, edges), graph


def batch_hard_triplet(features: Tensor, same: Tensor) -> Tensor:
    distance = torch.cdist(features, features)
    farthest = (distance * same).amax(1)
    nearest = distance.masked_fill(same, float("inf")).amin(1)
    return functional.relu(farthest - nearest + 0.3).mean()


class PlainTraining:
    """A step on NumPy arrays, in channels-first or channels-last memory."""

    def __init__(
        self, network: PlainNetwork, *, channels_last: bool = False, lr: float = 0.0035
    ) -> None:
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.format)
        graph = [*network.first.parameters(), *network.second.parameters()]
        decayed = set(network.parameters()) - set(graph) - {network.bottleneck.bias}
        groups = [{"params": graph, "weight_decay": 0}, {"params": list(decayed)}]
        self.optimizer = torch.optim.Adam(groups, lr=lr, weight_decay=5e-4)

    def step(
        self,
        visible: np.ndarray,
        infrared: np.ndarray,
        identities: np.ndarray,
        graph_weight: float = 1,
    ) -> float:
        """Learn from a batch, ``identities`` of all its images; the loss without the graph's."""
        images = [
            torch.from_numpy(array).to(memory_format=self.format) for array in (visible, infrared)
        ]
        self.optimizer.zero_grad()
        loss, graph = self.network(*images, torch.from_numpy(identities).long())
        (loss + graph_weight * graph).backward()
        self.optimizer.step()
        return loss.item()
