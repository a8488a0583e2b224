"""AGW: non-local blocks, generalised-mean pooling and the weighted regularised triplet loss.

Source: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI 2021,
and the authors' release for visible-infrared images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Optional, TypeVar

from omegaconf import MISSING

from ddag.datasets.benchmarks import Benchmark
from ddag.machine.errors import InputError
from ddag.methods.about import About, Published
from ddag.methods.method import Method
from ddag.model.initial import RULES, Rule, constant, uniform
from ddag.model.shape import inner_width
from ddag.settings.choices import InnerWidth
from ddag.settings.model import ModelConfig
from ddag.weights.names import NORM, Names, Shapes

if TYPE_CHECKING:
    from ddag.model.network import Network


@dataclass
class AgwConfig(ModelConfig):
    """The baseline's, and what non-local blocks there are."""

    non_local: Optional[InnerWidth] = MISSING  # their inner width; None leaves them out


Config = TypeVar("Config", bound=AgwConfig)


class AgwNames(Names):
    """What the authors call the non-local blocks; for a ResNet's file they are a branch."""

    branches: ClassVar[Mapping[str, str]] = {**Names.branches, "non_local": "non-local blocks"}
    ours = (
        *Names.ours,
        r"backbone\.(visible|infrared|shared)\.layer[23]\.non_local\d"
        rf"\.((theta|phi|g|out)\.(weight|bias)|norm\.{NORM})",
    )
    prefixes = (
        *(
            (f"NL_{layer}.{block}.{theirs}", f"backbone.shared.layer{layer}.non_local{block}.{own}")
            for layer, block in ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
            for theirs, own in (("g.0.", "g."), ("W.0.", "out."), ("W.1.", "norm."), ("", ""))
        ),
        *Names.prefixes,
    )

    def branch(self, name: str) -> str:
        """As any other's, but for the non-local blocks between those of the backbone."""
        return "non_local" if ".non_local" in name else super().branch(name)

    def infer(self, shapes: Shapes, source: str) -> dict[str, Any]:
        """``non_local``."""
        found = {
            tuple(shape[:2])  # (inner width, channels)
            for name, shape in shapes.items()
            if re.search(r"\.non_local\d\.theta\.weight$", name)
        }
        if not found:
            return {"non_local": None}
        for kind in InnerWidth:
            if all(inner == inner_width(kind, channels) for inner, channels in found):
                return {"non_local": kind}
        kinds = " nor ".join(InnerWidth.__members__)
        raise InputError(f"{source}: the inner width of its non-local blocks is neither {kinds}")


class Agw(Method[Config], Generic[Config]):
    """The baseline with non-local blocks; its settings choose GeM and the weighted triplet."""

    config: ClassVar[type[ModelConfig]] = AgwConfig
    names = AgwNames()
    features = ("pool", "feat")  # the release picks its best epoch by the second
    about = About(
        title="non-local blocks, generalised-mean pooling, weighted triplet loss",
        paper="Ye, Shen, Lin, Xiang, Shao, Hoi: Deep Learning for Person Re-identification: A"
        " Survey and Outlook, TPAMI 2021",
        link="https://arxiv.org/abs/2001.04193",
        recipe="agw",
        published=(
            Published(Benchmark.sysu_all, 47.50, 47.65, "the paper"),
            Published(Benchmark.regdb_v2i, 70.05, 66.37, "the paper"),
            Published(Benchmark.llcm_v2i, 51.5, 55.3, "the set's authors, with erasing"),
            Published(Benchmark.llcm_i2v, 43.6, 51.8, "the set's authors, with erasing"),
        ),
    )

    @property
    def rules(self) -> Sequence[Rule]:
        """The baseline's, and PyTorch's own for the convolutions of non-local blocks.

        Those blocks' batch norms begin with gain 0.
        """
        from ddag.model.backbone import NON_LOCAL, RESNETS

        kind = self.model.non_local
        if kind is None:
            return RULES
        drawn: list[Rule] = [(r"\.non_local\d\.norm\.gamma$", constant(0))]
        for layer in NON_LOCAL:
            channels = RESNETS[self.model.backbone.value].width(layer)
            inner = inner_width(kind, channels)
            for part, fan_in in (("(theta|phi|g)", channels), ("out", inner)):
                pattern = rf"\.layer{layer}\.non_local\d\.{part}\."
                drawn.append((pattern, uniform(1 / math.sqrt(fan_in))))
        return (*drawn, *RULES)

    def network(self, identities: int) -> Network:
        """The two-stream network with non-local blocks; see ``Method.network``."""
        from ddag.model.network import PooledNetwork

        return PooledNetwork(identities, **self.streams, inner=self.model.non_local)
