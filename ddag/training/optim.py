"""SGD or Adam over groups of parameters, each with its share of the rate and its decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

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
    scales: Mapping[str, float] = MappingProxyType({}),
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
        scales: other shares, by the beginnings of names; the first that fits counts.
        undecayed: beginnings of names of parameters that Adam does not decay.
    """
    scales = {"backbone.": backbone_scale, **scales}
    members: dict[tuple[float, float], list[Parameter]] = {}  # by share of the rate, and decay
    for each in cell.trainable_params():
        fitting = (share for start, share in scales.items() if each.name.startswith(start))
        spared = kind is OptimizerKind.adam and each.name.startswith(undecayed)
        members.setdefault((next(fitting, 1.0), 0.0 if spared else weight_decay), []).append(each)
    groups = [
        {"params": group, "lr": [rate * share for rate in rates], "weight_decay": decay}
        for (share, decay), group in members.items()
    ]
    if kind is OptimizerKind.adam:
        return nn.Adam(groups, learning_rate=rates[0], weight_decay=weight_decay)
    return nn.SGD(
        groups, learning_rate=rates[0], momentum=MOMENTUM, weight_decay=weight_decay, nesterov=True
    )
