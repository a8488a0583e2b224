from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.backbone import TwoStreamResNet
from ddag.model.non_local import NonLocal
from ddag.settings.choices import InnerWidth


def block(channels: int, inner: int, *, gain: float = 1) -> NonLocal:
    """A block of drawn weights, its batch norm's running statistics 0 and 1."""
    generator = np.random.default_rng(0)
    cell = NonLocal(channels, inner).set_train(False)
    for parameter in cell.get_parameters():
        if "norm" not in parameter.name:
            values = generator.normal(size=parameter.shape).astype(np.float32)
            parameter.set_data(Tensor(values))
    cell.norm.gamma.set_data(Tensor(np.full(channels, gain, np.float32)))
    cell.norm.beta.set_data(Tensor(np.zeros(channels, np.float32)))
    return cell


def by_hand(cell: NonLocal, x: np.ndarray) -> np.ndarray:
    """The same by the definition: every place's look at every other, summed up."""
    b, c, h, w = x.shape
    places = x.reshape(b, c, h * w)
    theta, phi, g = (
        each.weight.asnumpy()[:, :, 0, 0] @ places + each.bias.asnumpy()[:, None]
        for each in (cell.theta, cell.phi, cell.g)
    )
    looks = np.einsum("bdi,bdj->bij", theta, phi) / (h * w)  # (B, n, n)
    y = np.einsum("bij,bdj->bdi", looks, g)  # (B, D, n)
    z = cell.out.weight.asnumpy()[:, :, 0, 0] @ y + cell.out.bias.asnumpy()[:, None]
    return (z / np.sqrt(1 + 1e-5)).reshape(x.shape) + x


@pytest.mark.smoke
@pytest.mark.parametrize("mode", [ms.GRAPH_MODE, ms.PYNATIVE_MODE], ids=["graph", "pynative"])
@pytest.mark.parametrize("inner", [1, 3])
def test_a_place_adds_what_it_sees_of_all_places(inner: int, mode: int) -> None:
    x = np.random.default_rng(1).normal(size=(2, 6, 4, 3)).astype(np.float32)
    ms.set_context(mode=mode)
    try:
        cell = block(6, inner)
        np.testing.assert_allclose(
            cell(Tensor(x)).asnumpy(), by_hand(cell, x), rtol=1e-4, atol=1e-4
        )
    finally:
        ms.set_context(mode=ms.PYNATIVE_MODE)


def test_a_gain_of_zero_leaves_the_map_as_it_is() -> None:
    x = np.random.default_rng(1).normal(size=(2, 6, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(block(6, 1, gain=0)(Tensor(x)).asnumpy(), x)


def test_five_blocks_stand_after_the_last_blocks_of_layers_2_and_3() -> None:
    shared = TwoStreamResNet("resnet50", inner=InnerWidth.single).shared
    kinds = {
        layer: [type(cell).__name__ for cell in getattr(shared, f"layer{layer}")]
        for layer in range(1, 5)
    }
    assert kinds[2] == ["Bottleneck"] * 2 + ["Bottleneck", "NonLocal"] * 2
    assert kinds[3] == ["Bottleneck"] * 3 + ["Bottleneck", "NonLocal"] * 3
    assert "NonLocal" not in kinds[1] + kinds[4]
