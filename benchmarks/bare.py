"""The bare network that the framework is measured against: two-stream ResNet and a classifier.

MindSpore's own layers and nothing else: no branches, no options, no names to keep.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}


def conv_bn(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> list[nn.Cell]:
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride, "pad", kernel // 2, weight_init="HeNormal", has_bias=False
    )
    return [conv, nn.BatchNorm2d(outputs)]


def stem() -> nn.SequentialCell:
    pool = nn.MaxPool2d(3, 2, pad_mode="pad", padding=1)
    return nn.SequentialCell(*conv_bn(3, 64, 7, 2), nn.ReLU(), pool)


class Block(nn.Cell):
    def __init__(self, inputs: int, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        if outputs == width:
            layers = [*conv_bn(inputs, width, 3, stride), nn.ReLU(), *conv_bn(width, outputs, 3)]
        else:
            layers = [*conv_bn(inputs, width), nn.ReLU(), *conv_bn(width, width, 3, stride)]
            layers += [nn.ReLU(), *conv_bn(width, outputs)]
        self.layers = nn.SequentialCell(layers)
        self.projects = inputs != outputs
        if self.projects:
            self.shortcut = nn.SequentialCell(conv_bn(inputs, outputs, 1, stride))

    def construct(self, x: Tensor) -> Tensor:
        return ops.relu(self.layers(x) + (self.shortcut(x) if self.projects else x))


class BareNetwork(nn.Cell):
    """Images of both modalities to the logits of ``classes``."""

    def __init__(self, backbone: str, classes: int) -> None:
        super().__init__()
        expansion = 4 if backbone == "resnet50" else 1
        self.visible, self.infrared = stem(), stem()
        inputs, blocks = 64, []
        for width, count, stride in zip((64, 128, 256, 512), BLOCKS[backbone], (1, 2, 2, 1)):
            for number in range(count):
                block_stride = stride if number == 0 else 1
                blocks.append(Block(inputs, width, width * expansion, block_stride))
                inputs = width * expansion
        self.shared = nn.SequentialCell(blocks)
        self.bottleneck = nn.BatchNorm1d(inputs)
        self.classifier = nn.Dense(inputs, classes, has_bias=False)

    def construct(self, visible: Tensor, infrared: Tensor) -> Tensor:
        return self.classifier(self.features(self.visible(visible), self.infrared(infrared)))

    def features(self, *stems: Tensor) -> Tensor:
        return self.bottleneck(self.shared(ops.concat(stems, 0)).mean((2, 3)))


class BareStep(nn.Cell):
    """Forward, backward and Adam: cross-entropy alone."""

    def __init__(self, network: BareNetwork) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.optimizer = nn.Adam(network.trainable_params(), learning_rate=0.0035)
        self.value_and_grad = ops.value_and_grad(self.loss, None, self.optimizer.parameters)

    def loss(self, visible: Tensor, infrared: Tensor, labels: Tensor) -> Tensor:
        return ops.cross_entropy(self.network(visible, infrared), labels)

    def construct(self, visible: Tensor, infrared: Tensor, labels: Tensor) -> Tensor:
        loss, gradients = self.value_and_grad(visible, infrared, labels)
        self.optimizer(gradients)
        return loss
