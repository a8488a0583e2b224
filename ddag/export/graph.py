"""An ONNX graph as it grows, operation by operation.

Shapes: B images, a size that is left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

OPSET = 17
BATCH = "batch"  # the name of the open size


@dataclass(frozen=True)
class Value:
    """What an operation gives: its name, and its shape for each image, without B."""

    name: str
    shape: tuple[int, ...]


Operand = Union[Value, np.ndarray, float]


class Graph:
    """Operations in the order in which they are added; their other operands are weights."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, kind: str, *operands: Operand, shape: Sequence[int], **attributes: Any) -> Value:
        """The value of one more operation.

        Args:
            kind: of ONNX's operators.
            *operands: values of operations before, arrays, and numbers, which become float32.
            shape: of what it gives, without B.
            **attributes: of the operator.
        """
        from onnx import helper

        name = f"{kind}_{len(self._nodes)}"
        inputs = [each.name if isinstance(each, Value) else self._weigh(each) for each in operands]
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return Value(name, tuple(shape))

    def model(self, images: Value, outputs: Mapping[str, Value], *, pixels: bool) -> Any:
        """The whole as an ONNX model.

        Args:
            images: that go in.
            outputs: that come out, by the names that they are to have.
            pixels: whether the images are uint8, not float32.
        """
        from onnx import TensorProto, helper

        kind = TensorProto.UINT8 if pixels else TensorProto.FLOAT
        given = helper.make_tensor_value_info(images.name, kind, [BATCH, *images.shape])
        taken = []
        for name, value in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
            shape = [BATCH, *value.shape]
            taken.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        graph = helper.make_graph(self._nodes, "features", [given], taken, self._weights)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="ddag")

    def _weigh(self, weight: Union[np.ndarray, float]) -> str:
        from onnx import numpy_helper

        name = f"weight_{len(self._weights)}"
        array = weight if isinstance(weight, np.ndarray) else np.float32(weight)
        self._weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name
