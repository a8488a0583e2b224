"""Hetero-centre triplet loss of stripes, the first stage of each modality its own.

Source: Liu, Tan, Zhou: "Parameter Sharing Exploration and Hetero-Center Triplet Loss for
Visible-Thermal Person Re-Identification", TMM 2020, and the authors' release.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from omegaconf import MISSING

from ddag.datasets.benchmarks import Benchmark
from ddag.machine.errors import InputError, require
from ddag.methods.about import About, Published
from ddag.methods.method import Method
from ddag.model.initial import RULES, constant, kaiming_fan_in
from ddag.model.shape import map_size
from ddag.settings.model import ModelConfig
from ddag.weights.names import NORM, Arrays, Names, Shapes

if TYPE_CHECKING:
    from ddag.losses.objective import Objective
    from ddag.model.network import TwoStreams


@dataclass
class HctConfig(ModelConfig):
    """How many stripes there are, how wide, and how much each counts by itself."""

    stripes: int = MISSING  # of the last map, whose rows they divide
    stripe_width: int = MISSING  # features of a stripe
    stripe_weight: float = MISSING  # of the sum of the stripes' own triplet losses

    def __post_init__(self) -> None:
        super().__post_init__()
        width, weight = self.stripe_width, self.stripe_weight
        require(1 <= self.stripes <= 128, "model.stripes", self.stripes, "use 1 to 128")
        require(1 <= width <= 8192, "model.stripe_width", width, "use 1 to 8192")
        require(0 <= weight < 1e6, "model.stripe_weight", weight, "use a number of 0 or more")


class HctNames(Names):
    """What the authors call the stripes; each has a classifier of its own there."""

    branches: ClassVar[Mapping[str, str]] = {
        "backbone": Names.branches["backbone"],
        "stripes": "stripes",
        "classifier": "classifiers",
    }
    by_identity = ("classifier.weight", "classifier.bias")
    ours = (
        *(pattern for pattern in Names.ours if pattern.startswith("backbone")),
        rf"stripes\.\d+\.(embedding\.(weight|bias)|bn1\.{NORM})",
        r"classifier\.(weight|bias)",
    )

    def to_ours(self, name: str) -> tuple[str, int]:
        """A stripe's classifier is a piece of that of all stripes."""
        classifier = re.fullmatch(r"fc_list\.(\d+)\.(weight|bias)", name)
        if classifier:
            return f"classifier.{classifier[2]}", int(classifier[1])
        name = re.sub(r"^local_conv_list\.(\d+)\.0\.", r"stripes.\1.embedding.", name)
        return super().to_ours(re.sub(r"^local_conv_list\.(\d+)\.1\.", r"stripes.\1.bn1.", name))

    def assemble(
        self, ours: str, pieces: Mapping[int, str], weights: Arrays, source: str
    ) -> np.ndarray:
        """Classifiers side by side; 1x1 convolutions of stripes as matrices."""
        first = weights[pieces[min(pieces)]]
        if not ours.startswith("classifier.") or "fc_list" not in pieces[min(pieces)]:
            is_convolution = ours.startswith("stripes.") and first.shape[2:] == (1, 1)
            return first[:, :, 0, 0] if is_convolution else first
        found = [weights[pieces[stripe]] for stripe in sorted(pieces)]
        alike = all(each.shape == first.shape for each in found) and first.ndim > 0
        if sorted(pieces) != list(range(len(pieces))) or not alike:
            raise InputError(f"{source}: the stripes of {ours} are not alike, or one is missing")
        return np.stack(found, axis=1)  # (I, P, W) or (I, P)

    def to_theirs(self, name: str, value: np.ndarray) -> Arrays:
        """The reverse of ``assemble``."""
        if name.startswith("classifier."):
            leaf = name.partition(".")[2]
            stripes = np.moveaxis(value, 1, 0)
            return {f"fc_list.{stripe}.{leaf}": each for stripe, each in enumerate(stripes)}
        if re.fullmatch(r"stripes\.\d+\.embedding\.weight", name):
            value = value[:, :, None, None]  # (W, C) to the 1x1 convolution (W, C, 1, 1)
        return {
            re.sub(
                r"^stripes\.(\d+)\.(embedding|bn1)\.",
                lambda found: f"local_conv_list.{found[1]}.{int(found[2] == 'bn1')}.",
                theirs,
            ): each
            for theirs, each in super().to_theirs(name, value).items()
        }

    def infer(self, shapes: Shapes, source: str) -> dict[str, Any]:
        """``stripes`` and ``stripe_width``, unless it is a backbone alone."""
        widths = [
            shape[0]
            for name, shape in shapes.items()
            if re.fullmatch(r"stripes\.\d+\.embedding\.bias", name) and len(shape) == 1
        ]
        return {"stripes": len(widths), "stripe_width": widths[0]} if widths else {}


class Hct(Method[HctConfig]):
    """Stripes, each pooled, embedded and classified by itself."""

    config = HctConfig
    names = HctNames()
    features = ("feat",)
    about = About(
        title="stripes, each with an embedding and a classifier; centre triplet loss",
        paper="Liu, Tan, Zhou: Parameter Sharing Exploration and Hetero-Center Triplet Loss for"
        " Visible-Thermal Person Re-Identification, TMM 2020",
        link="https://github.com/hijune6/Hetero-center-triplet-loss-for-VT-Re-ID",
        recipe="hct",
        published=(
            Published(Benchmark.sysu_all, 61.68, 57.51, "the paper"),
            Published(Benchmark.regdb_v2i, 91.05, 83.28, "the paper"),
        ),
    )
    rules = (
        (r"^stripes\.\d+\.embedding\.weight$", kaiming_fan_in),
        # Ahead of a batch norm no bias has an effect, nor a gradient.
        (r"^stripes\.\d+\.embedding\.bias$|^classifier\.bias$", constant(0)),
        *RULES,
    )

    def check(self) -> None:
        """Refuse stripes that do not share out the rows of the last map."""
        super().check()
        height, stripes = self.settings.data.height, self.model.stripes
        rows = map_size(height)
        fits = ", ".join(str(each) for each in range(1, rows + 1) if rows % each == 0)
        tall = f"images {height} high have {rows} rows in the last map, to share out; use {fits}"
        require(rows % stripes == 0, "model.stripes", stripes, tall)

    def network(self, identities: int) -> TwoStreams:
        """The two-stream network with stripes; see ``Method.network``."""
        from ddag.model.stripes import StripeNetwork

        return StripeNetwork(
            identities,
            **self.streams,
            stripes=self.model.stripes,
            width=self.model.stripe_width,
        )

    def objective(self, network: TwoStreams, identities: int) -> Objective:
        """Identity and triplet losses of stripes; see ``Method.objective``."""
        from ddag.losses.stripes import StripeObjective

        return StripeObjective(
            **vars(self.settings.loss),
            stripes=self.model.stripes,
            weight=self.model.stripe_weight,
        )
