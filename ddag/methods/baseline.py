"""The baseline of the field: a two-stream network, identity loss and batch-hard triplet loss.

Source: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2021;
DDAG with both of its branches off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddag.methods.about import About
from ddag.methods.ddag import DdagNames
from ddag.methods.method import Method
from ddag.settings.model import ModelConfig

if TYPE_CHECKING:
    from ddag.model.network import Network


class Baseline(Method[ModelConfig]):
    """Backbone, neck and classifier."""

    config = ModelConfig
    names = DdagNames()  # so that weights of a whole DDAG serve it, too
    features = ("feat",)
    about = About(
        title="two streams, identity and batch-hard triplet loss",
        paper="Ye, Shen, Lin, Xiang, Shao, Hoi: Deep Learning for Person Re-identification: A"
        " Survey and Outlook, TPAMI 2021; DDAG with both branches off",
        link="https://arxiv.org/abs/2001.04193",
        recipe="paper",
    )

    def network(self, identities: int) -> Network:
        """The two-stream network; see ``Method.network``."""
        from ddag.model.network import Network

        return Network(identities, **self.streams)
