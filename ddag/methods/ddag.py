"""DDAG: part attention within a modality, graph attention across both, dynamically weighed.

Source: Ye, Shen, Crandall, Shao, Luo: "Dynamic Dual-Attentive Aggregation Learning for
Visible-Infrared Person Re-Identification", ECCV 2020, and the authors' release.

Shapes: C channels, P parts, K heads of graph attention, F features a head, I identities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Optional

import numpy as np
from omegaconf import MISSING

from ddag.datasets.benchmarks import Benchmark
from ddag.machine.errors import InputError, require
from ddag.methods.about import About, Published
from ddag.methods.method import Method
from ddag.model.initial import RULES, constant, equal_shares, uniform_fan_in, xavier
from ddag.model.shape import map_size
from ddag.settings.choices import Attention, GraphEdges, GraphInput
from ddag.settings.model import ModelConfig
from ddag.weights.names import NORM, Arrays, Names, Shapes

if TYPE_CHECKING:
    from ddag.losses.objective import Objective
    from ddag.model.network import Network


# Of the heads' rate, for query and key of normalised parts: at Adam's full rate their attention
# still becomes nearly one-hot (mean of the largest of three weights .83, at a tenth .37).
QUERY_SCALE = 0.1


# From here on a branch counts as dead. A living one was seen with 0 to 40 % of its class scores on
# the floor and weights between parts that spread by .02 to .15 over images.
DEAD_FLOOR = 0.99
DEAD_SPREAD = 0.002


@dataclass
class DdagConfig(ModelConfig):
    """Which branches the network has, and how wide they are."""

    part: int = MISSING  # horizontal stripes of IWPA; 0 leaves the branch out
    attention: Attention = MISSING  # between them; uniform: a control without attention
    graph: bool = MISSING  # CGSA over the batch, training only
    graph_input: GraphInput = MISSING  # the feature it reads: before or after the neck's batch norm
    graph_edges: GraphEdges = MISSING  # self: each image for itself, a control without a graph
    low_dim: int = MISSING  # features of a graph-attention head
    heads: int = MISSING  # of graph attention
    dropout: float = MISSING  # of graph attention

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.part >= 0, "model.part", self.part, "use 0 (off) or more")
        require(1 <= self.low_dim <= 8192, "model.low_dim", self.low_dim, "use 1 to 8192")
        require(1 <= self.heads <= 64, "model.heads", self.heads, "use 1 to 64")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "use 0 up to, not with, 1")


class DdagNames(Names):
    """What the authors call the branches: each head of graph attention is a layer of its own."""

    branches: ClassVar[Mapping[str, str]] = {
        **Names.branches,
        "part": "IWPA",
        "graph": "graph attention",
    }
    optional = ("graph",)
    by_identity = (*Names.by_identity, "graph.second.weight", "graph.second.attention")
    ours = (
        *Names.ours,
        rf"part\.((bottleneck|norm)\.{NORM}|gate|(query|key|value)\.(weight|bias))",
        r"graph\.(first|second)\.(weight|attention)",
    )
    prefixes = (
        *Names.prefixes,
        ("wpa.fc1.0.", "part.query."),
        ("wpa.fc2.", "part.key."),
        ("wpa.fc3.", "part.value."),
        ("wpa.", "part."),
    )
    dead = (
        *Names.dead,
        (r"^(classifier[12]|wpa\.W)\.", "dead: the authors' network never uses it"),
    )

    def to_ours(self, name: str) -> tuple[str, int]:
        """A head is a piece of the weight of all heads."""
        graph = re.fullmatch(r"(?:attention_(\d+)|(out_att))\.(W|a)", name)
        if graph is None:
            return super().to_ours(name)
        layer = "second" if graph[2] else "first"
        return f"graph.{layer}.{_LEAVES[graph[3]]}", int(graph[1] or 0)

    def assemble(
        self, ours: str, pieces: Mapping[int, str], weights: Arrays, source: str
    ) -> np.ndarray:
        """Heads one above the other; 1x1 convolutions of IWPA as matrices."""
        first = weights[pieces[min(pieces)]]
        if not re.fullmatch(r"out_att.*|attention_.*", pieces[min(pieces)]):
            is_convolution = ours.startswith("part.") and first.shape[2:] == (1, 1)
            return first[:, :, 0, 0] if is_convolution else first
        for head in range(max(pieces) + 1):
            if head not in pieces:
                raise InputError(f"{source}: head {head} of {ours} is missing among {len(pieces)}")
            if weights[pieces[head]].shape != first.shape:
                raise InputError(
                    f"{source}: {pieces[head]} has shape {weights[pieces[head]].shape},"
                    f" {pieces[0]} {first.shape}; the heads must be alike"
                )
        return np.stack([weights[pieces[head]] for head in range(len(pieces))])

    def to_theirs(self, name: str, value: np.ndarray) -> Arrays:
        """The reverse of ``assemble``."""
        graph = re.fullmatch(r"graph\.(first|second)\.(weight|attention)", name)
        if graph:
            leaf = {ours: theirs for theirs, ours in _LEAVES.items()}[graph[2]]
            if graph[1] == "second":
                return {f"out_att.{leaf}": value[0]}
            return {f"attention_{head}.{leaf}": each for head, each in enumerate(value)}
        if re.fullmatch(r"part\.(query|key|value)\.weight", name):
            value = value[:, :, None, None]  # (C, C) to the 1x1 convolution (C, C, 1, 1)
        return super().to_theirs(name, value)

    def infer(self, shapes: Shapes, source: str) -> dict[str, Any]:
        """``part`` and ``graph``, and with graph attention ``low_dim`` and ``heads``."""
        branches = {name.split(".")[0] for name in shapes}
        for branch, name, dimensions in (
            ("part", "part.gate", 1),
            ("graph", "graph.first.weight", 3),
        ):
            if branch in branches and len(shapes.get(name, ())) != dimensions:
                raise InputError(f"{source}: {name} is missing or has another number of dimensions")
        gate, first = shapes.get("part.gate"), shapes.get("graph.first.weight")  # (P,), (K, C, F)
        told: dict[str, Any] = {"part": gate[0] if gate else 0, "graph": first is not None}
        if gate:
            told["attention"] = _attention(shapes)
        return {**told, "low_dim": first[-1], "heads": first[0]} if first else told


def _attention(shapes: Shapes) -> Attention:
    """What a network with IWPA has it by."""
    if "part.query.weight" not in shapes:
        return Attention.uniform
    return Attention.paper if "part.query.bias" in shapes else Attention.normalised


_LEAVES = {"W": "weight", "a": "attention"}  # of graph attention


class Ddag(Method[DdagConfig]):
    """The two branches, each with its own switch."""

    config = DdagConfig
    names = DdagNames()
    rules = (
        *RULES,
        (r"^part\.gate$", equal_shares),
        (r"^part\.norm\.gamma$", constant(1)),
        (r"^part\.", uniform_fan_in),
        (r"^graph\.", xavier),
    )
    # While the graph loss weighs nothing, in the first epoch, decay is the only gradient that the
    # graph branch gets. Adam scales any gradient to steps of the full rate, so that decay alone
    # would pull the branch towards zero as fast as a real gradient moves it.
    undecayed = ("graph.",)
    about = About(
        title="part attention within a modality, graph attention across both",
        paper="Ye, Shen, Crandall, Shao, Luo: Dynamic Dual-Attentive Aggregation Learning for"
        " Visible-Infrared Person Re-Identification, ECCV 2020",
        link="https://arxiv.org/abs/2007.09314",
        recipe="paper",
        option="ddag_paper",
        published=(
            Published(Benchmark.sysu_all, 54.75, 53.02, "the paper"),
            Published(Benchmark.sysu_indoor, 61.02, 67.98, "the paper"),
            Published(Benchmark.regdb_v2i, 69.34, 63.46, "the paper"),
            Published(Benchmark.regdb_i2v, 68.06, 61.80, "the paper"),
        ),
    )

    @property
    def scales(self) -> dict[str, float]:
        """See ``Method.scales``; the paper's parts learn as fast as the other heads."""
        normalised = self.model.attention is Attention.normalised
        slow = {"part.query.": QUERY_SCALE, "part.key.": QUERY_SCALE} if normalised else {}
        return {**slow, "graph.": self.settings.optimizer.graph_scale}

    @property
    def features(self) -> tuple[str, ...]:
        """``feat``, the global feature, and with IWPA ``feat_att``, which it refined."""
        return ("feat", "feat_att") if self.model.part else ("feat",)

    @property
    def has_loss(self) -> bool:
        """A branch has a loss of its own."""
        return super().has_loss or self.model.part > 0 or self.model.graph

    def check(self) -> None:
        """Refuse more parts than the last map has rows."""
        super().check()
        height = self.settings.data.height
        rows = map_size(height)
        tall = f"images {height} high have {rows} rows in the last map; use at most {rows}"
        require(self.model.part <= rows, "model.part", self.model.part, tall)

    def network(self, identities: int) -> Network:
        """The two-stream network with IWPA; see ``Method.network``."""
        from ddag.model.network import Network
        from ddag.model.part import ATTENTIONS

        return Network(
            identities,
            **self.streams,
            part=self.model.part,
            attention=ATTENTIONS[self.model.attention],
        )

    def objective(self, network: Network, identities: int) -> Objective:
        """Identity, triplet, part and graph loss; see ``Method.objective``."""
        from ddag.losses.objective import DualAggregation
        from ddag.model.graph import GraphBranch

        chosen, graph = self.model, None
        if chosen.graph:
            channels = network.backbone.channels
            graph = GraphBranch(
                channels,
                hidden=chosen.low_dim,
                heads=chosen.heads,
                classes=identities,
                lone=chosen.graph_edges is GraphEdges.self,
            )
        return DualAggregation(
            **vars(self.settings.loss),
            part=chosen.part > 0,
            graph=graph,
            graph_input=chosen.graph_input,
            dropout=chosen.dropout,
        )

    def carry(self, means: Mapping[str, float]) -> Optional[float]:
        """Mean L_P: everything but the graph loss."""
        terms = ("loss_id", "loss_triplet", "loss_part")
        return sum(means[term] for term in terms if term in means)

    def diagnose(self, values: Mapping[str, float]) -> dict[str, tuple[str, str]]:
        """Class scores at ELU's floor, attention that is one for all images."""
        dead: dict[str, tuple[str, str]] = {}
        health = "train/health"
        floor = values.get(f"{health}/graph_floor", 0.0)
        if values.get("train/graph_weight") and floor >= DEAD_FLOOR:
            dead["graph"] = (
                "graph attention has stopped learning:"
                f" {floor:.0%} of its class scores are at ELU's floor",
                "model.graph_input=neck normalises them",
            )
        spread = values.get(f"{health}/part_spread", 1.0)
        attends = self.model.part > 1 and self.model.attention is not Attention.uniform
        if attends and spread < DEAD_SPREAD:
            dead["part"] = (
                "part attention has stopped learning: its weights are the same for every image"
                f" (spread {spread:.1g}, entropy {values[f'{health}/part_entropy']:.2f} of 1)",
                "model.attention=normalised keeps them apart",
            )
        return dead

    def scalars(self, carried: Optional[float]) -> dict[str, float]:
        """The weight of the graph loss, if there is one."""
        return {"graph_weight": graph_weight(carried)} if self.model.graph else {}


def graph_weight(previous: Optional[float]) -> float:
    """The weight w = 1 / (1 + mean L_P of the previous epoch) of the graph loss; 0 in the first.

    The worse the features still are, the less the graph built on them counts.

    Args:
        previous: mean L_P of the previous epoch; None if there is none.

    Source: DDAG, Eq. (11).
    """
    return 0.0 if previous is None else 1 / (1 + previous)
