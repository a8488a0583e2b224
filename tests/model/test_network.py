from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from ddag.model.initial import initialise
from ddag.model.network import DDAG, FeatureExtractor
from ddag.settings.choices import Modality


def build(part: int = 3, *, graph: bool = True) -> DDAG:
    network = DDAG(5, backbone="resnet18", part=part, graph=graph, low_dim=8, heads=2, height=64)
    initialise(network, seed=0)
    return network


def names(network: DDAG) -> set[str]:
    return {parameter.name for parameter in network.get_parameters()}


def images(seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=(4, 3, 64, 32)).astype(np.float32))


def test_graph_off_removes_its_parameters_and_its_scores() -> None:
    assert any(name.startswith("graph.") for name in names(build()))
    network = build(graph=False)
    assert not any(name.startswith("graph.") for name in names(network))
    labels = Tensor([0, 1, 2, 3], ms.int32)
    assert network(images(), images(1), labels)[3] is None


def test_part_zero_has_no_part_parameters_and_one_feature() -> None:
    network = build(part=0)
    assert not any(name.startswith("part.") for name in names(network))
    assert len(FeatureExtractor(network, Modality.visible)(images())) == 1


def test_both_branches_leave_the_other_parameters_alone() -> None:
    whole, bare = names(build()), names(build(part=0, graph=False))
    branches = {name for name in whole if name.startswith(("part.", "graph."))}
    assert whole - branches == bare


def test_bottleneck_biases_are_frozen() -> None:
    trainable = {parameter.name for parameter in build().trainable_params()}
    assert "bottleneck.gamma" in trainable
    assert not trainable & {"bottleneck.beta", "part.bottleneck.beta"}


@pytest.mark.parametrize("part", [0, 1, 3, 4])
def test_features_have_length_one(part: int) -> None:
    for feature in FeatureExtractor(build(part), Modality.infrared)(images()):
        np.testing.assert_allclose(np.linalg.norm(feature.asnumpy(), axis=1), 1, rtol=1e-5)


def test_a_modality_goes_through_its_own_stem() -> None:
    network = build()
    before = [FeatureExtractor(network, each)(images())[0].asnumpy() for each in Modality]
    network.backbone.infrared.conv1.weight.set_data(network.backbone.visible.conv1.weight * 2)
    after = [FeatureExtractor(network, each)(images())[0].asnumpy() for each in Modality]
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-3


def test_extracting_features_renames_and_changes_no_parameter() -> None:
    network = build()
    before = {each.name: each.asnumpy().copy() for each in network.get_parameters()}
    FeatureExtractor(network, Modality.visible)(images())
    for parameter in network.get_parameters():
        np.testing.assert_array_equal(before[parameter.name], parameter.asnumpy())
