"""DDAG: the two-stream backbone, its neck, and the branches switched on.

Shapes: B images of one modality, N = 2B of both, H x W pixels, C channels, I identities.
"""

from __future__ import annotations

from typing import Optional

from mindspore import Tensor, nn, ops

from ddag.model.backbone import TwoStreamResNet
from ddag.model.graph import GraphBranch
from ddag.model.part import PartAttention
from ddag.model.pooling import pool
from ddag.model.shape import map_size
from ddag.settings.choices import Modality


class DDAG(nn.Cell):
    """The whole network.

    Source: Ye et al., "Dynamic Dual-Attentive Aggregation Learning for Visible-Infrared Person
    Re-Identification", ECCV 2020.
    """

    def __init__(
        self,
        identities: int,
        *,
        backbone: str,
        part: int,
        graph: bool,
        low_dim: int,
        heads: int,
        height: int,
    ) -> None:
        """Build the network with every weight 0: ``initial.initialise`` or a checkpoint fills it.

        Args:
            identities: people in the training set, I.
            backbone: a key of ``backbone.RESNETS``.
            part: stripes of IWPA; 0 leaves the branch out.
            graph: whether to train with graph attention.
            low_dim: features of a graph-attention head.
            heads: of the first graph-attention layer.
            height: of an image, in pixels.
        """
        super().__init__()
        self.backbone = TwoStreamResNet(backbone)
        channels = self.backbone.channels
        self.bottleneck = nn.BatchNorm1d(channels, eps=1e-5, momentum=0.9)
        self.bottleneck.beta.requires_grad = False  # as the authors freeze it
        self.classifier = nn.Dense(channels, identities, weight_init="zeros", has_bias=False)
        self.has_part, self.has_graph = part > 0, graph
        if self.has_part:
            self.part = PartAttention(channels, part=part, rows=map_size(height))
        if self.has_graph:
            self.graph = GraphBranch(channels, hidden=low_dim, heads=heads, classes=identities)

    def construct(
        self, visible: Tensor, infrared: Tensor, identities: Tensor, *masks: Tensor
    ) -> tuple[Tensor, Tensor, Optional[Tensor], Optional[Tensor]]:
        """Scores of a training batch.

        Args:
            visible: ``(B, 3, H, W)`` normalised images.
            infrared: ``(B, 3, H, W)``, of the same identities in the same order.
            identities: ``(B,)`` int32 labels.
            *masks: ``DropoutMasks`` as tensors; none with graph attention off.

        Returns:
            The pooled features before the bottleneck ``(N, C)``; the logits of the global feature
            and of the one that IWPA refined, ``(N, I)``; graph attention's log-probabilities,
            ``(N, I)``. None for a branch that is off.
        """
        feature_map = self.backbone(visible, infrared)  # (N, C, h, w)
        pooled = pool(feature_map)
        feat = self.bottleneck(pooled)
        part_logits, graph = None, None
        if self.has_part:
            part_logits = self.classifier(self.part(feature_map, feat))
        if self.has_graph:
            graph = self.graph(pooled, ops.concat((identities, identities), 0), *masks)
        return pooled, self.classifier(feat), part_logits, graph


class FeatureExtractor(nn.Cell):
    """The network as it is used at test time, for images of one modality."""

    def __init__(self, network: DDAG, modality: Modality) -> None:
        # A parameter keeps the name it has in the network: checkpoints are written by name.
        super().__init__(auto_prefix=False)
        backbone = network.backbone
        self.stem = backbone.visible if modality is Modality.visible else backbone.infrared
        self.shared = backbone.shared
        self.bottleneck = network.bottleneck
        self.has_part = network.has_part
        if self.has_part:
            self.part = network.part
        self.normalise = ops.L2Normalize(axis=1)
        self.set_train(False)

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """Features to rank by.

        Args:
            images: ``(B, 3, H, W)`` normalised images.

        Returns:
            ``feat`` and, with IWPA, ``feat_att``, each ``(B, C)`` of length 1.
        """
        feature_map = self.shared(self.stem(images))
        feat = self.bottleneck(pool(feature_map))
        if not self.has_part:
            return (self.normalise(feat),)
        return self.normalise(feat), self.normalise(self.part(feature_map, feat))


class AttentionReader(FeatureExtractor):
    """What the network looks at in images of one modality."""

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """What each place adds to the global feature and, with IWPA, which part looks at which.

        Args:
            images: ``(B, 3, H, W)`` normalised images.

        Returns:
            The inner product of each place's vector and ``feat``, both after the bottleneck and
            before they get length 1, ``(B, h, w)``: its mean is the square of the length of
            ``feat``. With IWPA also the attention of the parts, ``(B, P, P)``; a row sums to 1.
        """
        feature_map = self.shared(self.stem(images))
        feat = self.bottleneck(pool(feature_map)).expand_dims(1)  # (B, 1, C)
        b, c, h, w = feature_map.shape
        places = feature_map.reshape(b, c, h * w).transpose(0, 2, 1)  # (B, h * w, C)
        places = self.bottleneck(places.reshape(-1, c)).reshape(b, h * w, c)
        activation = (places * feat).sum(-1).reshape(b, h, w)
        if not self.has_part:
            return (activation,)
        return activation, self.part.attention(self.part.stripes(feature_map))
