"""What a method minimises: the terms of the loss of a whole batch, from the network's outputs.

Whatever looks across images lives here, its parameters included; the network sees each image by
itself. So there is one place between the two where outputs can be gathered from several processes.

Shapes: N images in the batch, both modalities; C channels, I identities.
"""

# Tuples are joined by + here: MindSpore 1.10 does not compile (*a, b).
# ruff: noqa: RUF005

from __future__ import annotations

from typing import Optional

import numpy as np
from mindspore import Tensor, nn

from ddag.losses.classification import cross_entropy, negative_log_likelihood
from ddag.losses.triplet import batch_hard_triplet, center_triplet
from ddag.model.graph import GraphBranch, draw_masks
from ddag.settings.choices import Triplet

Outputs = tuple[Tensor, ...]


class Objective(nn.Cell):
    """The identity loss and a triplet loss, each with its own switch, and their sum.

    Attributes:
        terms: names of what ``construct`` gives, the sum first; a loss that is off has none.
    """

    def __init__(self, *, identity: bool, triplet: Optional[Triplet], margin: float) -> None:
        """Args: margin: of the triplet loss."""
        super().__init__()
        self.has_identity, self.has_triplet = identity, triplet is not None
        self.by_centers = triplet is Triplet.center
        self.margin = margin
        self.terms = ("loss",) + ("loss_id",) * identity + ("loss_triplet",) * self.has_triplet

    def construct(self, outputs: Outputs, identities: Tensor, modalities: Tensor) -> Outputs:
        """Scalars in the order of ``terms``.

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
            losses = losses + (cross_entropy(outputs[1], identities),)
        if self.by_centers:
            loss = center_triplet(outputs[0], identities, modalities, self.margin)
            losses = losses + (loss,)
        elif self.has_triplet:
            losses = losses + (batch_hard_triplet(outputs[0], identities, self.margin),)
        return losses

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
        identity: bool,
        triplet: Optional[Triplet],
        margin: float,
        part: bool,
        graph: Optional[GraphBranch],
        dropout: float,
    ) -> None:
        """Build the objective.

        Args:
            identity: as the next two, see ``Objective``.
            triplet: of which kind.
            margin: of the triplet loss.
            part: whether the network gives logits of the part branch.
            graph: CGSA; None leaves it out.
            dropout: of graph attention.
        """
        super().__init__(identity=identity, triplet=triplet, margin=margin)
        self.has_part, self.has_graph = part, graph is not None
        self.terms = self.terms + ("loss_part",) * part + ("loss_graph",) * self.has_graph
        self.dropout = dropout
        if graph is not None:
            self.graph = graph

    def construct(
        self, outputs: Outputs, identities: Tensor, modalities: Tensor, *rest: Tensor
    ) -> Outputs:
        """Scalars in the order of ``terms``.

        Args:
            outputs: of the network: pooled features ``(N, C)``, logits ``(N, I)`` and, with IWPA,
                logits of the refined feature.
            identities: ``(N,)`` int32.
            modalities: ``(N,)`` int32, 0 for visible, 1 for infrared.
            *rest: with graph attention its weight w, a scalar, and ``DropoutMasks``.
        """
        losses = self.shared_losses(outputs, identities, modalities)
        if self.has_part:
            losses = losses + (cross_entropy(outputs[2], identities),)
        if not self.has_graph:
            return (total(losses),) + losses
        graph = self.graph(outputs[0], identities, rest[1], rest[2], rest[3], rest[4])
        loss_graph = negative_log_likelihood(graph, identities)
        whole = total(losses + (rest[0] * loss_graph,))
        return (whole,) + losses + (loss_graph,)

    def draw(self, generator: np.random.Generator, images: int) -> tuple[np.ndarray, ...]:
        """Dropout masks of graph attention."""
        if not self.has_graph:
            return ()
        heads, channels, hidden = self.graph.first.weight.shape
        sizes = {"nodes": images, "channels": channels, "heads": heads, "hidden": hidden}
        return draw_masks(generator, self.dropout, **sizes)


def total(losses: Outputs) -> Tensor:
    """The sum of at least one scalar, from the first on."""
    result = losses[0]
    for loss in losses[1:]:
        result = result + loss
    return result
