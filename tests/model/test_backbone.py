from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.backbone import Stem, TwoStreamResNet
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
    stem = Stem()
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
