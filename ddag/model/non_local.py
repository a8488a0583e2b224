"""Non-local blocks: each place of a map looks at every other one (Wang et al., CVPR 2018).

Shapes: B images, C channels, h x w map of n = h * w places, D inner channels.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops


class NonLocal(nn.Cell):
    """A map plus what its places see of one another: ``(B, C, h, w)`` to the same.

    y = (theta^T phi / n) g, without a softmax, and a batch norm whose gain starts at 0: a network
    starts as if it had no such block.

    Source:
        Ye et al., TPAMI 2021 (AGW), as their release computes it. Its inner width is 1, since it
        divides the reduction ratio by itself where the paper divides the channels by it.
    """

    def __init__(self, channels: int, inner: int) -> None:
        """Args: inner: channels in which places are compared, D."""
        super().__init__()
        self.inner = inner
        self.theta = projection(channels, inner)
        self.phi = projection(channels, inner)
        self.g = projection(channels, inner)
        self.out = projection(inner, channels)
        self.norm = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.9)

    def construct(self, x: Tensor) -> Tensor:
        """Args: x: ``(B, C, h, w)``."""
        b, c, h, w = x.shape
        d = self.inner
        # The three convolutions at once: one pass over the map, and a fraction of the time that
        # MindSpore's convolution takes for so few channels.
        weight = ops.concat((self.theta.weight, self.phi.weight, self.g.weight), 0)
        bias = ops.concat((self.theta.bias, self.phi.bias, self.g.bias), 0)
        weight = ops.tile(weight.reshape(1, 3 * d, c), (b, 1, 1))
        looks = ops.BatchMatMul()(weight, x.reshape(b, c, h * w)) + bias.reshape(1, 3 * d, 1)
        theta, phi, g = looks[:, :d], looks[:, d : 2 * d], looks[:, 2 * d :]  # (B, D, n)
        # Without a softmax (theta^T phi) g^T is theta^T (phi g^T): D x D numbers, not n x n.
        seen = ops.BatchMatMul()(g, phi.transpose(0, 2, 1)) / (h * w)  # (B, D, D)
        y = ops.BatchMatMul()(seen, theta)  # (B, D, n)
        return self.norm(self.out(y.reshape(b, d, h, w))) + x


def projection(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1x1 convolution with a bias."""
    return nn.Conv2d(inputs, outputs, 1, has_bias=True, weight_init="zeros", bias_init="zeros")
