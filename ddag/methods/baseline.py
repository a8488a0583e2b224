"""The baseline of the field: a two-stream network, identity loss and batch-hard triplet loss.

Source: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2021;
DDAG with both of its branches off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddag.methods.ddag import DdagNames
from ddag.methods.method import Method
from ddag.settings.model import ModelConfig

if TYPE_CHECKING:
    from ddag.losses.objective import Objective
    from ddag.model.network import Network


class Baseline(Method[ModelConfig]):
    """Backbone, neck and classifier."""

    config = ModelConfig
    names = DdagNames()  # so that weights of a whole DDAG serve it, too
    features = ("feat",)

    def network(self, identities: int) -> Network:
        """The two-stream network; see ``Method.network``."""
        from ddag.model.network import Network

        backbone, height = self.model.backbone.value, self.settings.data.height
        return Network(identities, backbone=backbone, height=height)

    def objective(self, network: Network, identities: int) -> Objective:
        """Identity and triplet loss; see ``Method.objective``."""
        from ddag.losses.objective import Objective

        loss = self.settings.loss
        return Objective(identity=loss.identity, triplet=loss.triplet, margin=loss.margin)
