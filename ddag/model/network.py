"""The network: two-stream backbone, neck, classifier and, if asked for, part attention.

It gives what it says of each image by itself: batch norm aside, row i of its outputs depends on
image i alone. What compares images is the objective's, ``losses/``.

Shapes: V visible and R infrared images, N = V + R; B images of one modality, H x W pixels, C
channels, h x w map, P parts, I identities.
"""

from __future__ import annotations

from typing import Optional

import numpy as np
from mindspore import Tensor, nn

from ddag.model.backbone import TwoStreamResNet
from ddag.model.part import PartAttention, UniformParts
from ddag.model.pooling import pool
from ddag.model.shape import map_size
from ddag.settings.choices import InnerWidth


class TwoStreams(nn.Cell):
    """What every network is: a two-stream backbone, and what its method makes of the map.

    A row of what it gives is one image; the visible ones' rows come first.
    """

    backbone: TwoStreamResNet

    def construct(self, visible: Tensor, infrared: Tensor) -> tuple[Tensor, ...]:
        """What the objective judges, features first.

        Args:
            visible: ``(V, 3, H, W)`` normalised images.
            infrared: ``(R, 3, H, W)``.
        """
        return self.head(self.backbone(visible, infrared))

    def head(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """The same of the backbone's map, ``(N, C, h, w)``."""
        raise NotImplementedError

    def embed(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """Test features of any length, in the method's order: ``(B, C, h, w)`` to rows of B."""
        raise NotImplementedError

    def look(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """What each place of the map counts, ``(B, C, h, w)`` to ``(B, h, w)``, and maybe more."""
        raise NotImplementedError

    @property
    def gate(self) -> Optional[np.ndarray]:
        """``(P,)``: the weight of each part in a feature, sum 1; None without weighed parts."""
        return None


class Network(TwoStreams):
    """The two streams and everything after them that sees one image at a time.

    Source: Ye et al., "Dynamic Dual-Attentive Aggregation Learning for Visible-Infrared Person
    Re-Identification", ECCV 2020; without parts its baseline.
    """

    def __init__(
        self,
        identities: int,
        *,
        backbone: str,
        height: int,
        part: int = 0,
        exponent: int = 1,
        private_stages: int = 0,
        inner: Optional[InnerWidth] = None,
        attention: type[UniformParts] = PartAttention,
    ) -> None:
        """Build the network with every weight 0: ``initial.initialise`` or a checkpoint fills it.

        Args:
            identities: people in the training set, I.
            backbone: a key of ``backbone.RESNETS``.
            height: of an image, in pixels.
            part: stripes of IWPA; 0 leaves the branch out.
            exponent: of the mean that pools the map, see ``pooling.pool_stripes``.
            private_stages: how many of layer1 to layer4 each modality has of its own.
            inner: width of AGW's non-local blocks; None leaves those out.
            attention: by what the parts attend to each other.
        """
        super().__init__()
        self.backbone = TwoStreamResNet(backbone, private_stages, inner)
        self.exponent = exponent
        channels = self.backbone.channels
        self.bottleneck = nn.BatchNorm1d(channels, eps=1e-5, momentum=0.9)
        self.bottleneck.beta.requires_grad = False  # as the authors freeze it
        self.classifier = nn.Dense(channels, identities, weight_init="zeros", has_bias=False)
        self.has_part = part > 0
        if self.has_part:
            self.part = attention(channels, part=part, rows=map_size(height))

    def head(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """What the objective judges.

        Args:
            feature_map: ``(N, C, h, w)``.

        Returns:
            The pooled features before the bottleneck ``(N, C)``, the logits of the global feature
            ``(N, I)`` and that feature, after the bottleneck, ``(N, C)``; with IWPA the logits of
            the feature that it refined ``(N, I)`` and the attention of the parts ``(N, P, P)``.
        """
        pooled = pool(feature_map, self.exponent)
        feat = self.bottleneck(pooled)
        if not self.has_part:
            return pooled, self.classifier(feat), feat
        refined, attention = self.part(feature_map, feat)
        return pooled, self.classifier(feat), feat, self.classifier(refined), attention

    def embed(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """Features to rank by, of any length: ``feat`` and, with IWPA, ``feat_att``.

        Args:
            feature_map: ``(B, C, h, w)``.

        Returns:
            One ``(B, C)`` each.
        """
        feat = self.bottleneck(pool(feature_map, self.exponent))
        if not self.has_part:
            return (feat,)
        refined, _ = self.part(feature_map, feat)
        return feat, refined

    def look(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """What each place adds to the global feature and, with IWPA, which part looks at which.

        Args:
            feature_map: ``(B, C, h, w)``.

        Returns:
            The inner product of each place's vector and ``feat``, both after the bottleneck and
            before they get length 1, ``(B, h, w)``: of a map that is pooled by its plain mean, the
            mean of it is the square of the length of ``feat``. With IWPA also the attention of the
            parts, ``(B, P, P)``; a row sums to 1.
        """
        feat = self.bottleneck(pool(feature_map, self.exponent)).expand_dims(1)  # (B, 1, C)
        b, c, h, w = feature_map.shape
        places = feature_map.reshape(b, c, h * w).transpose(0, 2, 1)  # (B, h * w, C)
        places = self.bottleneck(places.reshape(-1, c)).reshape(b, h * w, c)
        activation = (places * feat).sum(-1).reshape(b, h, w)
        if not self.has_part:
            return (activation,)
        return activation, self.part.attention(self.part.stripes(feature_map))

    @property
    def gate(self) -> Optional[np.ndarray]:
        """``(P,)``: the weight of each part in the refined feature, sum 1; None without IWPA."""
        if not self.has_part:
            return None
        raw = self.part.gate.asnumpy().astype(np.float64)
        powers = np.exp(raw - raw.max())
        return powers / powers.sum()


class PooledNetwork(Network):
    """A network whose pooled feature is a test feature, too."""

    def embed(self, feature_map: Tensor) -> tuple[Tensor, ...]:
        """``pool``, the pooled feature, and ``feat``, which is that after the neck.

        Args:
            feature_map: ``(B, C, h, w)``.

        Returns:
            One ``(B, C)`` each.
        """
        pooled = pool(feature_map, self.exponent)
        return pooled, self.bottleneck(pooled)
