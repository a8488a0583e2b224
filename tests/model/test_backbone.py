from __future__ import annotations

import re

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.backbone import RESNETS, Stream, TwoStreamResNet
from ddag.model.initial import RULES, initialise
from ddag.model.shape import map_size


@pytest.mark.parametrize(("pixels", "rows"), [(288, 18), (144, 9), (96, 6), (48, 3), (100, 7)])
def test_map_size_is_what_the_strides_leave(pixels: int, rows: int) -> None:
    assert map_size(pixels) == rows


def test_map_has_the_size_that_settings_are_checked_against() -> None:
    backbone = TwoStreamResNet("resnet18")
    images = Tensor(np.zeros((1, 3, 100, 48), np.float32))
    assert backbone(images, images).shape == (2, 512, map_size(100), map_size(48))


def test_each_modality_has_a_stem_of_its_own() -> None:
    backbone = TwoStreamResNet("resnet18")
    initialise(backbone_in_network(backbone), 0, RULES)
    images = Tensor(np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32))
    through_visible, through_infrared = backbone.visible(images), backbone.infrared(images)
    assert np.abs((through_visible - through_infrared).asnumpy()).max() > 0.1


def backbone_in_network(backbone: TwoStreamResNet) -> ms.nn.Cell:
    """The rules of initial weights go by the names that parameters have in the whole network."""
    network = ms.nn.Cell()
    network.backbone = backbone
    return network


def test_stem_pools_as_pytorch_does() -> None:
    stem = Stream(RESNETS["resnet18"], private_stages=0, inner=None)
    for parameter in stem.get_parameters():
        parameter.set_data(Tensor(np.ones(parameter.shape, np.float32)))
    stem.set_train(False)
    # With all weights 1 the stem's convolution is a box sum; a single bright pixel at the corner
    # reaches 4 x 4 outputs of it and, by the pool's padding, 3 x 3 pooled ones.
    image = np.full((1, 3, 32, 32), -1.0, np.float32)
    image[..., 0, 0] = 1000
    pooled = stem(Tensor(image)).asnumpy()[0, 0]
    assert pooled.shape == (8, 8)
    bright = pooled > 1
    assert bright[:2, :2].all()
    assert bright.sum() == 4


@pytest.mark.parametrize("private", range(5))
def test_private_stages_are_each_modalitys_own_and_the_later_ones_shared(private: int) -> None:
    backbone = TwoStreamResNet("resnet18", private)
    names = {each.name for each in backbone.get_parameters()}
    for number in range(1, 5):
        holders = {name.split(".")[0] for name in names if f".layer{number}." in name}
        assert holders == ({"visible", "infrared"} if number <= private else {"shared"})
    images = Tensor(np.zeros((1, 3, 32, 32), np.float32))
    assert backbone(images, images).shape == (2, 512, 2, 2)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("mode", [ms.GRAPH_MODE, ms.PYNATIVE_MODE])
@pytest.mark.parametrize("private", [1, 4])
def test_equal_private_stages_see_what_a_shared_one_sees(private: int, mode: int) -> None:
    ms.set_context(mode=mode)
    shared, own = TwoStreamResNet("resnet18"), TwoStreamResNet("resnet18", private)
    initialise(backbone_in_network(shared), 0, RULES)
    values = {each.name.replace("backbone.", "", 1): each for each in shared.get_parameters()}
    for parameter in own.get_parameters():
        of_shared = re.sub(r"^(visible|infrared)\.layer", "shared.layer", parameter.name)
        parameter.set_data(values[of_shared])
    pair = [Tensor(np.random.default_rng(n).normal(size=(2, 3, 32, 32)).astype(np.float32))
            for n in range(2)]  # fmt: skip
    maps = [each.set_train(False)(*pair).asnumpy() for each in (shared, own)]
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-4, atol=1e-5)
