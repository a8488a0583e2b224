"""The counterpart in ONNX of what each network makes of the map: its test features.

Shapes: B images, C channels, h x w map, P parts.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from ddag.export.cells import (
    array,
    chain,
    matmul,
    pool,
    pool_stripes,
    reshape,
    transpose,
    unit_length,
    write,
)  # fmt: skip
from ddag.export.graph import Graph, Value
from ddag.machine.errors import InputError
from ddag.model.network import Network, PooledNetwork, TwoStreams
from ddag.model.part import (
    TEMPERATURE,
    NormalisedPartAttention,
    PartAttention,
    UniformParts,
)  # fmt: skip
from ddag.model.stripes import StripeNetwork
from ddag.settings.choices import Modality

# Of nn.L2Normalize: the square of a feature's length counts as this at least.
LEAST = 1e-4


def features(
    network: TwoStreams, modality: Modality, graph: Graph, images: Value
) -> tuple[Value, ...]:
    """Features of length 1, in the method's order: see ``evaluation.extractor.FeatureStream``.

    Args:
        network: its weights go into the graph.
        modality: of the images.
        graph: to be added to.
        images: ``(B, 3, H, W)`` normalised.

    Raises:
        InputError: nobody has said how such a network is written.
    """
    feature_map = chain(graph, images, network.backbone.stream(modality), network.backbone.shared)
    return tuple(
        unit_length(graph, each, least=LEAST) for each in embed(network, graph, feature_map)
    )


@singledispatch
def embed(network: Any, graph: Graph, feature_map: Value) -> tuple[Value, ...]:
    """See ``TwoStreams.embed``; who brings a network of their own registers another.

    Raises:
        InputError: nobody has said how such a network is written.
    """
    raise InputError(
        f"job.format=onnx: there is no ONNX of {type(network).__name__}; register one in"
        " ddag.export.networks, or use job.format=mindir"
    )


@embed.register
def _(network: Network, graph: Graph, feature_map: Value) -> tuple[Value, ...]:
    feat = write(network.bottleneck, graph, pool(graph, feature_map, network.exponent))
    if not network.has_part:
        return (feat,)
    return feat, _refine(network.part, graph, feature_map, feat)


@embed.register
def _(network: PooledNetwork, graph: Graph, feature_map: Value) -> tuple[Value, ...]:
    pooled = pool(graph, feature_map, network.exponent)
    return pooled, write(network.bottleneck, graph, pooled)


@embed.register
def _(network: StripeNetwork, graph: Graph, feature_map: Value) -> tuple[Value, ...]:
    pooled = pool_stripes(graph, feature_map, array(network.bins), network.exponent)  # (B, P, C)
    stripes = []
    for place, stripe in enumerate(network.stripes):
        each = graph.add("Gather", pooled, np.array(place), shape=pooled.shape[1:], axis=1)
        stripes.append(write(stripe, graph, each))
    width = sum(each.shape[0] for each in stripes)
    return (graph.add("Concat", *stripes, shape=(width,), axis=1),)


def _refine(cell: UniformParts, graph: Graph, feature_map: Value, feat: Value) -> Value:
    """The feature that part attention refined, ``(B, C)``."""
    stripes = pool_stripes(graph, feature_map, array(cell.bins), 1)  # (B, P, C)
    value = write(cell.value, graph, stripes)
    attention = attend(cell, graph, stripes)  # (B, P, P)
    attended = graph.add("MatMul", attention, value, shape=value.shape)
    raw = array(cell.gate).astype(np.float64)
    powers = np.exp(raw - raw.max())
    gate = (powers / powers.sum()).astype(np.float32)[None]  # (1, P)
    weighed = graph.add("MatMul", gate, attended, shape=(1, value.shape[1]))
    refined = reshape(graph, weighed, feat.shape)
    return write(cell.bottleneck, graph, graph.add("Add", refined, feat, shape=feat.shape))


@singledispatch
def attend(cell: Any, graph: Graph, stripes: Value) -> Any:
    """How much each stripe of ``(B, P, C)`` looks at each other: see ``UniformParts.attention``."""
    raise InputError(
        f"job.format=onnx: there is no ONNX of {type(cell).__name__}; register one in"
        " ddag.export.networks, or use job.format=mindir"
    )


@attend.register
def _(cell: UniformParts, graph: Graph, stripes: Value) -> Any:
    part = stripes.shape[0]
    return np.full((part, part), 1 / part, np.float32)


@attend.register
def _(cell: PartAttention, graph: Graph, stripes: Value) -> Any:
    query, key = (write(each, graph, stripes) for each in (cell.query, cell.key))
    return _softmax(graph, matmul(graph, query, transpose(graph, key)))


@attend.register
def _(cell: NormalisedPartAttention, graph: Graph, stripes: Value) -> Any:
    part, channels = stripes.shape
    centred = write(cell.norm, graph, reshape(graph, stripes, (part * channels,)))
    centred = reshape(graph, centred, (part, channels))
    query, key = (
        unit_length(graph, write(each, graph, centred), added=1e-12)
        for each in (cell.query, cell.key)
    )
    likeness = matmul(graph, query, transpose(graph, key))
    scaled = graph.add("Div", likeness, TEMPERATURE, shape=likeness.shape)
    return _softmax(graph, scaled)


def _softmax(graph: Graph, x: Value) -> Value:
    return graph.add("Softmax", x, shape=x.shape, axis=-1)
