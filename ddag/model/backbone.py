"""Two-stream ResNet: first layers of its own for each modality, the later ones shared.

Shapes: B images, V visible and R infrared ones, H x W pixels, C channels, h x w last map.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Optional

from mindspore import Tensor, nn, ops

from ddag.model.non_local import NonLocal
from ddag.model.shape import inner_width
from ddag.settings.choices import InnerWidth, Modality


@dataclass(frozen=True)
class Architecture:
    """What tells one ResNet from another."""

    blocks: tuple[int, int, int, int]
    bottleneck: bool  # three convolutions a block and four times the width, else two

    @property
    def channels(self) -> int:
        """Channels of the last feature map."""
        return self.width(4)

    def width(self, stage: int) -> int:
        """Channels of the map that one of layer1 to layer4 gives."""
        return WIDTHS[stage - 1] * (4 if self.bottleneck else 1)


RESNETS = {
    "resnet18": Architecture(blocks=(2, 2, 2, 2), bottleneck=False),
    "resnet50": Architecture(blocks=(3, 4, 6, 3), bottleneck=True),
}
WIDTHS = (64, 128, 256, 512)
# Every layer after the first halves the map, but for the last: DDAG keeps its stride at 1, so that
# the part branch has twice the rows to pool (18 of an image 288 pixels high).
STRIDES = (1, 2, 2, 1)
# After how many blocks of a layer, its last ones, AGW has a non-local block. Ye et al., TPAMI 2021.
NON_LOCAL = {2: 2, 3: 3}


def convolution(inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1) -> nn.Conv2d:
    """A convolution padded as PyTorch's ResNets are: ``kernel // 2`` on every side, no bias."""
    return nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        pad_mode="pad",
        padding=kernel // 2,
        has_bias=False,
        weight_init="zeros",  # model/initial.py draws every weight
    )


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation; MindSpore's momentum 0.9 is PyTorch's 0.1, the same eps 1e-5."""
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.9)


class BasicBlock(nn.Cell):
    """Two 3x3 convolutions and a shortcut: ``(B, in, H, W)`` to ``(B, out, H/s, W/s)``."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, kernel=3, stride=stride)
        self.bn1 = batch_norm(outputs)
        self.conv2 = convolution(outputs, outputs, kernel=3)
        self.bn2 = batch_norm(outputs)
        self.relu = nn.ReLU()
        self.has_shortcut = shortcut
        if shortcut:
            self.downsample = projection(inputs, outputs, stride)

    def construct(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.has_shortcut:
            x = self.downsample(x)
        return self.relu(out + x)


class Bottleneck(nn.Cell):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the stride is the 3x3 convolution's."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, shortcut: bool) -> None:
        super().__init__()
        width = outputs // 4
        self.conv1 = convolution(inputs, width)
        self.bn1 = batch_norm(width)
        self.conv2 = convolution(width, width, kernel=3, stride=stride)
        self.bn2 = batch_norm(width)
        self.conv3 = convolution(width, outputs)
        self.bn3 = batch_norm(outputs)
        self.relu = nn.ReLU()
        self.has_shortcut = shortcut
        if shortcut:
            self.downsample = projection(inputs, outputs, stride)

    def construct(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.has_shortcut:
            x = self.downsample(x)
        return self.relu(out + x)


def projection(inputs: int, outputs: int, stride: int) -> nn.SequentialCell:
    """The shortcut where a block changes the map's size or its channels."""
    return nn.SequentialCell(convolution(inputs, outputs, stride=stride), batch_norm(outputs))


class Stages(nn.Cell):
    """Some of layer1 to layer4, one after the other; the others let a map through as it is."""

    def __init__(
        self, architecture: Architecture, numbers: range, inner: Optional[InnerWidth]
    ) -> None:
        """Build the layers.

        Args:
            architecture: of the ResNet.
            numbers: of the layers, within 1 to 4.
            inner: width of their non-local blocks; None leaves those out.
        """
        super().__init__()
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            stage(architecture, number, inner) if number in numbers else nn.Identity()
            for number in range(1, 5)
        )

    def construct(self, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def stage(
    architecture: Architecture, number: int, inner: Optional[InnerWidth]
) -> nn.SequentialCell:
    """One of layer1 to layer4, with non-local blocks of that width after its last blocks."""
    block = Bottleneck if architecture.bottleneck else BasicBlock
    inputs = 64 if number == 1 else architecture.width(number - 1)
    outputs, stride = architecture.width(number), STRIDES[number - 1]
    count = architecture.blocks[number - 1]
    blocks = [block(inputs, outputs, stride=stride, shortcut=inputs != outputs)]
    blocks += [block(outputs, outputs, stride=1, shortcut=False) for _ in range(count - 1)]
    first = max(0, count - NON_LOCAL.get(number, 0))
    cells: OrderedDict[str, nn.Cell] = OrderedDict()
    for place, each in enumerate(blocks):
        cells[str(place)] = each
        if inner is not None and place >= first:
            cells[f"non_local{place - first}"] = NonLocal(outputs, inner_width(inner, outputs))
    return nn.SequentialCell(cells)


class Stream(Stages):
    """The first layers, a set for each modality: ``(B, 3, H, W)`` to ``(B, 64, H/4, W/4)``.

    With stages of its own its map is what they make of that.
    """

    def __init__(
        self, architecture: Architecture, private_stages: int, inner: Optional[InnerWidth]
    ) -> None:
        super().__init__(architecture, range(1, 1 + private_stages), inner)
        self.conv1 = convolution(3, 64, kernel=7, stride=2)
        self.bn1 = batch_norm(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="valid")

    def construct(self, images: Tensor) -> Tensor:
        # PyTorch pads the pool's input with minus infinity. Around a ReLU's output zeros do the
        # same; put there before the ReLU, the backward pass holds one such map, not two.
        x = self.maxpool(self.relu(with_border(self.bn1(self.conv1(images)))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def with_border(x: Tensor) -> Tensor:
    """Zeros around each map, ``(B, C, H, W)`` to ``(B, C, H + 2, W + 2)``.

    Forward and backward a third of the time of MindSpore's own pad on the CPU.
    """
    batch, channels, height, width = x.shape
    row = ops.zeros((batch, channels, 1, width), x.dtype)
    x = ops.concat((row, x, row), 2)
    column = ops.zeros((batch, channels, height + 2, 1), x.dtype)
    return ops.concat((column, x, column), 3)


class TwoStreamResNet(nn.Cell):
    """A stem for each modality, maybe more of its own, and shared layers after it."""

    def __init__(
        self, name: str, private_stages: int = 0, inner: Optional[InnerWidth] = None
    ) -> None:
        """Build the backbone.

        Args:
            name: a key of ``RESNETS``.
            private_stages: how many of layer1 to layer4 each modality has of its own.
            inner: width of AGW's non-local blocks; None leaves those out.
        """
        super().__init__()
        architecture = RESNETS[name]
        self.channels = architecture.channels
        self.visible = Stream(architecture, private_stages, inner)
        self.infrared = Stream(architecture, private_stages, inner)
        self.shared = Stages(architecture, range(1 + private_stages, 5), inner)

    def stream(self, modality: Modality) -> nn.Cell:
        """The layers of one modality's own: ``(B, 3, H, W)`` to what ``shared`` takes."""
        return self.visible if modality is Modality.visible else self.infrared

    def construct(self, visible: Tensor, infrared: Tensor) -> Tensor:
        """Map of images of both modalities, ``(V + R, C, h, w)``, the visible ones first.

        Args:
            visible: ``(V, 3, H, W)``.
            infrared: ``(R, 3, H, W)``.
        """
        return self.shared(ops.concat((self.visible(visible), self.infrared(infrared)), 0))
