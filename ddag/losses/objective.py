"""What a method minimises: the terms of the loss of a whole batch, from the network's outputs.

Whatever looks across images lives here, its parameters included; the network sees each image by
itself. So there is one place between the two where outputs can be gathered from several processes.

Shapes: N images in the batch, both modalities; C channels, I identities.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from mindspore import Tensor, nn

from ddag.losses.classification import agreement, cross_entropy
from ddag.losses.triplet import (
    batch_hard_triplet,
    center_triplet,
    squared_weighted_triplet,
    weighted_triplet,
)
from ddag.model.graph import GraphBranch, draw_masks, on_floor
from ddag.model.part import entropy, spread
from ddag.settings.choices import GraphInput, Triplet

Outputs = tuple[Tensor, ...]


class Objective(nn.Cell):
    """The identity loss and a triplet loss, each with its own switch, and their sum.

    Attributes:
        terms: names of the losses that ``construct`` gives, the sum first; one that is off has
            none.
        health: names of what it gives after them: signs of whether a branch is alive.
        branches: first words of the names of parameters whose gradient is another such sign.
    """

    def __init__(
        self,
        *,
        identity: bool,
        triplet: Optional[Triplet],
        margin: float,
        smoothing: float = 0.0,
    ) -> None:
        """Build the objective.

        Args:
            identity: whether there is an identity loss.
            triplet: of which kind; None leaves it out.
            margin: of the triplet loss, where its kind has one.
            smoothing: of the identity loss, see ``classification.negative_log_likelihood``.
        """
        super().__init__()
        self.smoothing = smoothing
        self.has_identity, self.has_triplet = identity, triplet is not None
        self.by_centers = triplet is Triplet.center
        self.by_weights, self.by_squares = triplet is Triplet.weighted, triplet is Triplet.squared
        self.margin = margin
        self.terms = ("loss",) + ("loss_id",) * identity + ("loss_triplet",) * self.has_triplet
        self.health = ()  # type: tuple[str, ...]
        self.branches = ()  # type: tuple[str, ...]

    def construct(self, outputs: Outputs, identities: Tensor, modalities: Tensor) -> Outputs:
        """Scalars in the order of ``terms`` and ``health``.

        Args:
            outputs: of the network: pooled features ``(N, C)`` and logits ``(N, I)`` first.
            identities: ``(N,)`` int32.
            modalities: ``(N,)`` int32, 0 for visible, 1 for infrared.
        """
        losses = self.shared_losses(outputs, identities, modalities)
        return (total(losses),) + losses

    def shared_losses(self, outputs: Outputs, identities: Tensor, modalities: Tensor) -> Outputs:
        """The losses that are switched on; arguments as of ``construct``."""
        losses = ()  # type: Outputs  # MindSpore 1.10 compiles no annotation
        if self.has_identity:
            losses = losses + (self.identity_loss(outputs[1], identities),)
        if self.has_triplet:
            losses = losses + (self.triplet_loss(outputs[0], identities, modalities),)
        return losses

    def identity_loss(self, logits: Tensor, identities: Tensor) -> Tensor:
        """Cross-entropy of ``logits`` ``(N, I)``, smoothed where that was chosen."""
        return cross_entropy(logits, identities, self.smoothing)

    def triplet_loss(self, features: Tensor, identities: Tensor, modalities: Tensor) -> Tensor:
        """The triplet loss of the kind that was chosen; ``features`` ``(N, C)``."""
        if self.by_centers:
            return center_triplet(features, identities, modalities, self.margin)
        if self.by_weights:
            return weighted_triplet(features, identities)
        if self.by_squares:
            return squared_weighted_triplet(features, identities)
        return batch_hard_triplet(features, identities, self.margin)

    def draw(self, generator: np.random.Generator, images: int) -> tuple[np.ndarray, ...]:
        """What ``construct`` takes of chance in one step of N ``images``, last of its arguments."""
        return ()


class DualAggregation(Objective):
    """The loss of DDAG: total = L_P + w * L_G, L_P = identity + triplet + part loss.

    Source: Ye et al., ECCV 2020, Eq. (9) and (10).
    """

    def __init__(
        self,
        *,
        part: bool,
        graph: Optional[GraphBranch],
        graph_input: GraphInput,
        dropout: float,
        **shared: Any,
    ) -> None:
        """Build the objective.

        Args:
            part: whether the network gives logits of the part branch.
            graph: CGSA; None leaves it out.
            graph_input: which feature it reads.
            dropout: of graph attention.
            **shared: see ``Objective``; ``smoothing`` is of the part loss, too.
        """
        super().__init__(**shared)
        self.has_part, self.has_graph = part, graph is not None
        self.terms = self.terms + ("loss_part",) * part + ("loss_graph",) * self.has_graph
        self.health = ("part_entropy", "part_spread") * part + ("graph_floor",) * self.has_graph
        self.branches = ("part",) * part + ("graph",) * self.has_graph
        self.reads_neck = graph_input is GraphInput.neck
        self.dropout = dropout
        if graph is not None:
            self.graph = graph

    def construct(
        self, outputs: Outputs, identities: Tensor, modalities: Tensor, *rest: Tensor
    ) -> Outputs:
        """Scalars in the order of ``terms`` and ``health``.

        Args:
            outputs: of ``Network.construct``.
            identities: ``(N,)`` int32.
            modalities: ``(N,)`` int32, 0 for visible, 1 for infrared.
            *rest: with graph attention its weight w, a scalar, and ``DropoutMasks``.
        """
        losses = self.shared_losses(outputs, identities, modalities)
        health = ()  # type: Outputs
        if self.has_part:
            losses = losses + (self.identity_loss(outputs[3], identities),)
            health = health + (entropy(outputs[4]), spread(outputs[4]))
        if not self.has_graph:
            return (total(losses),) + losses + health
        nodes = outputs[2] if self.reads_neck else outputs[0]
        scores = self.graph(nodes, identities, rest[1], rest[2], rest[3], rest[4])
        loss_graph = cross_entropy(scores, identities)
        whole = total(losses + (rest[0] * loss_graph,))
        return (whole,) + losses + (loss_graph,) + health + (on_floor(scores),)

    def draw(self, generator: np.random.Generator, images: int) -> tuple[np.ndarray, ...]:
        """Dropout masks of graph attention."""
        if not self.has_graph:
            return ()
        heads, channels, hidden = self.graph.first.weight.shape
        sizes = {"nodes": images, "channels": channels, "heads": heads, "hidden": hidden}
        return draw_masks(generator, self.dropout, **sizes)


class AgreeingViews(Objective):
    """As ``Objective``, of three views of each sample, the two visible ones to agree if asked for.

    Source: Ye et al., ICCV 2021 (CAJ), and TPAMI 2023 (CAJ+).
    """

    def __init__(self, *, consistency: float, **shared: Any) -> None:
        """Build the objective.

        Args:
            consistency: weight of the views' agreement; 0 leaves it out.
            **shared: see ``Objective``.
        """
        super().__init__(**shared)
        self.consistency, self.agrees = consistency, consistency > 0
        self.terms = self.terms + ("loss_consistency",) * self.agrees

    def construct(self, outputs: Outputs, identities: Tensor, modalities: Tensor) -> Outputs:
        """Scalars in the order of ``terms``; see ``Objective.construct``.

        The outputs stand view by view, the visible ones first; see ``data.loader.Batch``.
        """
        losses = self.shared_losses(outputs, identities, modalities)
        if not self.agrees:
            return (total(losses),) + losses
        logits, samples = outputs[1], outputs[1].shape[0] // 3
        loss = agreement(logits[:samples], logits[samples : 2 * samples])
        return (total(losses + (self.consistency * loss,)),) + losses + (loss,)


def total(losses: Outputs) -> Tensor:
    """The sum of at least one scalar, from the first on."""
    result = losses[0]
    for loss in losses[1:]:
        result = result + loss
    return result
