"""Convolutions in half precision: float16 or bfloat16 goes in and comes out, float32 is all else.

The parameters stay float32, and so do batch norms, sums of shortcuts, pooling and what comes after
the backbone. MindSpore's own levels of mixed precision do not compile on these networks, or give
gradients that are not numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

import mindspore as ms
from mindspore import nn

from ddag.machine.errors import require
from ddag.model.non_local import NonLocal
from ddag.settings.choices import Precision

KINDS = {Precision.fp16: "float16", Precision.bf16: "bfloat16"}  # as MindSpore calls them


def lower(backbone: nn.Cell, precision: Precision) -> None:
    """Have a backbone convolve in ``precision``; nothing is touched for float32.

    Raises:
        InputError: this MindSpore has no such numbers.
    """
    if precision is Precision.fp32:
        return
    kind = getattr(ms, KINDS[precision], None)
    lacking = f"MindSpore {ms.__version__} has no {KINDS[precision]}; use fp32 or fp16"
    require(kind is not None, "device.precision", precision, lacking)
    for each in layers(backbone):
        each.to_float(kind if isinstance(each, nn.Conv2d) else ms.float32)


def layers(cell: nn.Cell) -> Iterator[Union[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions and batch norms of a backbone, but for those of non-local blocks.

    These multiply three maps without a softmax, which may leave the range of float16.
    """
    for each in cell.cells():
        if isinstance(each, (nn.Conv2d, nn.BatchNorm2d)):
            yield each
        elif not isinstance(each, NonLocal):
            yield from layers(each)
