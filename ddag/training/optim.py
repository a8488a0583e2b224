"""SGD or Adam over groups of parameters: the backbone's, at a lower rate, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mindspore import Parameter, nn

MOMENTUM = 0.9  # paper, Sec. 4.1


def build(
    network: nn.Cell,
    *,
    kind: str,
    rates: Sequence[float],
    backbone_scale: float,
    weight_decay: float,
) -> nn.Optimizer:
    """The optimiser of every trainable parameter of ``network``.

    Args:
        network: a ``network.DDAG``.
        kind: ``adam``, or ``sgd`` with Nesterov momentum 0.9.
        rates: learning rate of the heads at every step of the run.
        backbone_scale: the backbone's rate as a share of the heads'.
        weight_decay: times the parameter, added to its gradient, batch norms included, as the
            authors' PyTorch optimiser does; but not to graph attention's with Adam.
    """
    backbone, heads = split(network)
    graph = [each for each in heads if each.name.startswith("graph.")]
    others = [each for each in heads if not each.name.startswith("graph.")]
    # While the graph loss weighs nothing, in the first epoch, decay is the only gradient that the
    # graph branch gets. Adam scales any gradient to steps of the full rate, so that decay
    # alone would pull the branch towards zero as fast as a real gradient moves it.
    graph_decay = 0.0 if kind == "adam" else weight_decay
    groups: list[dict[str, Any]] = [
        {"params": backbone, "lr": [rate * backbone_scale for rate in rates]},
        {"params": others, "lr": list(rates)},
        {"params": graph, "lr": list(rates), "weight_decay": graph_decay},
    ]
    groups = [group for group in groups if group["params"]]
    if kind == "adam":
        return nn.Adam(groups, learning_rate=rates[0], weight_decay=weight_decay)
    return nn.SGD(
        groups, learning_rate=rates[0], momentum=MOMENTUM, weight_decay=weight_decay, nesterov=True
    )


def split(network: nn.Cell) -> tuple[list[Parameter], list[Parameter]]:
    """Trainable parameters of the backbone and of everything after it."""
    parameters = network.trainable_params()
    backbone = [each for each in parameters if each.name.startswith("backbone.")]
    heads = [each for each in parameters if not each.name.startswith("backbone.")]
    return backbone, heads
