"""Stripes of the map, each with a feature and a classifier of its own.

Shapes: V visible and R infrared images, N = V + R; B images of one modality, C channels, h x w map,
P stripes of r rows, W features of a stripe, I identities.
"""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ddag.model.backbone import TwoStreamResNet
from ddag.model.network import TwoStreams
from ddag.model.part import adaptive_bins
from ddag.model.pooling import pool_stripes
from ddag.model.shape import map_size


class Stripe(nn.Cell):
    """What makes a feature of a pooled stripe: a 1x1 convolution, batch norm and ReLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Dense(channels, width, weight_init="zeros")
        self.bn1 = nn.BatchNorm1d(width, eps=1e-5, momentum=0.9)
        self.relu = nn.ReLU()

    def construct(self, pooled: Tensor) -> Tensor:
        """``(B, C)`` to ``(B, W)``; of a vector a 1x1 convolution is a dense layer."""
        return self.relu(self.bn1(self.embedding(pooled)))


class StripeClassifier(nn.Cell):
    """A classifier for each stripe, all of them at once."""

    def __init__(self, identities: int, *, stripes: int, width: int) -> None:
        """Args: width: features of a stripe, W."""
        super().__init__()
        # The identities come first, as in the classifier of any other network.
        weight = np.zeros((identities, stripes, width), np.float32)
        self.weight = Parameter(Tensor(weight), name="weight")
        self.bias = Parameter(Tensor(weight[..., 0]), name="bias")
        self.product = ops.BatchMatMul(transpose_b=True)

    def construct(self, features: Tensor) -> Tensor:
        """Logits ``(N, P, I)`` of features ``(N, P * W)``."""
        _, stripes, width = self.weight.shape
        each = features.reshape(-1, stripes, width).transpose(1, 0, 2)  # (P, N, W)
        logits = self.product(each, self.weight.transpose(1, 0, 2))  # (P, N, I)
        return logits.transpose(1, 0, 2) + self.bias.transpose(1, 0)


class StripeNetwork(TwoStreams):
    """The two streams, and stripes of their map pooled, embedded and classified each by itself.

    Source: Liu, Tan, Zhou, TMM 2020, and the authors' release, see ``methods/hct.py``.
    """

    def __init__(
        self,
        identities: int,
        *,
        backbone: str,
        height: int,
        stripes: int,
        width: int,
        exponent: int,
        private_stages: int,
    ) -> None:
        """Build the network with every weight 0.

        Args:
            identities: people in the training set, I.
            backbone: a key of ``backbone.RESNETS``.
            height: of an image, in pixels; the map's rows are a multiple of ``stripes``.
            stripes: of the map, P.
            width: features of a stripe, W.
            exponent: of the mean that pools a stripe, see ``pooling.pool_stripes``.
            private_stages: how many of layer1 to layer4 each modality has of its own.
        """
        super().__init__()
        self.backbone = TwoStreamResNet(backbone, private_stages)
        self.exponent = exponent
        channels = self.backbone.channels
        self.stripes = nn.CellList([Stripe(channels, width) for _ in range(stripes)])
        self.classifier = StripeClassifier(identities, stripes=stripes, width=width)
        self.bins = Tensor(adaptive_bins(map_size(height), stripes))

    def head(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """What the objective judges.

        Args:
            feature_map: ``(N, C, h, w)``.

        Returns:
            Features ``(N, P * W)`` and logits ``(N, P, I)``.
        """
        features = self.feature(feature_map)
        return features, self.classifier(features)

    def feature(self, feature_map: Tensor) -> Tensor:
        """The stripes' features side by side, ``(B, C, h, w)`` to ``(B, P * W)``."""
        pooled = pool_stripes(feature_map, self.bins, self.exponent)  # (B, P, C)
        features = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for place, stripe in enumerate(self.stripes):
            features = features + (stripe(pooled[:, place]),)  # noqa: RUF005, MindSpore 1.10
        return ops.concat(features, 1)

    def embed(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """``feat``, the stripes' features side by side; see ``feature``."""
        return (self.feature(feature_map),)

    def look(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """How much each place has in common with its stripe.

        Args:
            feature_map: ``(B, C, h, w)``.

        Returns:
            The inner product of the stripe's feature and of what it would be if this place were
            all of the stripe, ``(B, h, w)``.
        """
        b, c, h, w = feature_map.shape
        places = feature_map.transpose(0, 2, 3, 1)  # (B, h, w, C)
        features = self.feature(feature_map)
        rows, width = h // len(self.stripes), features.shape[1] // len(self.stripes)
        bands = ()  # type: tuple[Tensor, ...]  # MindSpore 1.10 compiles no annotation
        for number, stripe in enumerate(self.stripes):
            band = places[:, number * rows : (number + 1) * rows].reshape(-1, c)
            alone = stripe(band).reshape(b, rows * w, width)
            feature = features[:, number * width : (number + 1) * width].expand_dims(1)
            products = (alone * feature).sum(-1).reshape(b, rows, w)
            bands = bands + (products,)  # noqa: RUF005, MindSpore 1.10
        return (ops.concat(bands, 1),)
