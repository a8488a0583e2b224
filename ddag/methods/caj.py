"""CAJ: AGW's network on images of one channel, each visible image in two views.

Source: Ye et al., "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021,
and the authors' release. With ``consistency`` the term of CAJ+ (Ye et al., TPAMI 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import MISSING

from ddag.datasets.benchmarks import Benchmark
from ddag.machine.errors import require
from ddag.methods.about import About, Published
from ddag.methods.agw import Agw, AgwConfig
from ddag.settings.choices import Modality

if TYPE_CHECKING:
    from ddag.losses.objective import Objective
    from ddag.model.network import Network


@dataclass
class CajConfig(AgwConfig):
    """AGW's, and how much the two views of a visible image shall agree."""

    consistency: float = MISSING  # weight of that term of the loss; 0 leaves it out

    def __post_init__(self) -> None:
        super().__post_init__()
        weight = self.consistency
        require(0 <= weight < 1e6, "model.consistency", weight, "use a number of 0 or more")


class Caj(Agw[CajConfig]):
    """Three views of a sample; which channels they have is the augmentation's."""

    config = CajConfig
    about = About(
        title="AGW on images of one channel, each visible image in two views",
        paper="Ye, Ruan, Du, Shou: Channel Augmented Joint Learning for Visible-Infrared"
        " Recognition, ICCV 2021",
        link="https://github.com/mangye16/Cross-Modal-Re-ID-baseline",
        recipe="caj",
        published=(
            Published(Benchmark.sysu_all, 69.88, 66.89, "the paper, with flip"),
            Published(Benchmark.sysu_all, 71.48, 68.15, "CAJ+ (experiment=caj_plus), TPAMI 2023"),
            Published(Benchmark.regdb_v2i, 85.03, 79.14, "the paper, with flip"),
            Published(Benchmark.llcm_v2i, 56.5, 59.8, "the set's authors"),
            Published(Benchmark.llcm_i2v, 48.8, 56.6, "the set's authors"),
        ),
    )
    views = (Modality.visible, Modality.visible, Modality.infrared)

    def objective(self, network: Network, identities: int) -> Objective:
        """Identity and triplet loss and, if asked for, that of consistency."""
        from ddag.losses.objective import AgreeingViews

        return AgreeingViews(**vars(self.settings.loss), consistency=self.model.consistency)
