"""SGD or Adam over groups of parameters: the backbone's, at a lower rate, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mindspore import Parameter, nn

from ddag.settings.choices import OptimizerKind

MOMENTUM = 0.9  # paper, Sec. 4.1


def build(
    cell: nn.Cell,
    kind: OptimizerKind,
    *,
    rates: Sequence[float],
    backbone_scale: float,
    weight_decay: float,
    undecayed: tuple[str, ...] = (),
) -> nn.Optimizer:
    """The optimiser of every trainable parameter of ``cell``.

    Args:
        cell: network and objective of a method.
        kind: Adam, or SGD with Nesterov momentum 0.9.
        rates: learning rate of the heads at every step of the run.
        backbone_scale: the backbone's rate as a share of the heads'.
        weight_decay: times the parameter, added to its gradient, batch norms included, as the
            authors' PyTorch optimiser does.
        undecayed: beginnings of names of parameters that Adam does not decay.
    """
    backbone, heads = split(cell)
    spared = [each for each in heads if each.name.startswith(undecayed)]
    others = [each for each in heads if not each.name.startswith(undecayed)]
    spared_decay = 0.0 if kind is OptimizerKind.adam else weight_decay
    groups: list[dict[str, Any]] = [
        {"params": backbone, "lr": [rate * backbone_scale for rate in rates]},
        {"params": others, "lr": list(rates)},
        {"params": spared, "lr": list(rates), "weight_decay": spared_decay},
    ]
    groups = [group for group in groups if group["params"]]
    if kind is OptimizerKind.adam:
        return nn.Adam(groups, learning_rate=rates[0], weight_decay=weight_decay)
    return nn.SGD(
        groups, learning_rate=rates[0], momentum=MOMENTUM, weight_decay=weight_decay, nesterov=True
    )


def split(cell: nn.Cell) -> tuple[list[Parameter], list[Parameter]]:
    """Trainable parameters of the backbone and of everything after it."""
    parameters = cell.trainable_params()
    backbone = [each for each in parameters if each.name.startswith("backbone.")]
    heads = [each for each in parameters if not each.name.startswith("backbone.")]
    return backbone, heads
