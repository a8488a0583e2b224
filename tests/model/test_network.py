from __future__ import annotations

import numpy as np
import pytest
from learners import small
from mindspore import Tensor

from ddag.evaluation.extractor import FeatureStream
from ddag.model.network import Network
from ddag.settings.choices import Modality


def build(part: int = 3) -> Network:
    return small("ddag", f"model.part={part}")[1].network


def names(network: Network) -> set[str]:
    return {parameter.name for parameter in network.get_parameters()}


def images(seed: int = 0, *, count: int = 4) -> Tensor:
    generator = np.random.default_rng(seed)
    return Tensor(generator.normal(size=(count, 3, 64, 32)).astype(np.float32))


def test_outputs_have_a_row_for_each_image_of_either_modality() -> None:
    outputs = build()(images(count=3), images(1, count=2))
    assert [each.shape for each in outputs] == [
        (5, 512), (5, 5), (5, 512), (5, 5), (5, 3, 3),
    ]  # fmt: skip


def test_outputs_are_the_pooled_map_and_what_the_classifier_says_of_it() -> None:
    network = build().set_train(False)
    pooled, logits, *_ = network(images(count=3), images(1, count=2))
    mean = network.backbone(images(count=3), images(1, count=2)).asnumpy().mean((2, 3))
    np.testing.assert_allclose(pooled.asnumpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        logits.asnumpy(), network.classifier(network.bottleneck(pooled)).asnumpy(), rtol=1e-5
    )


def test_a_row_of_the_outputs_depends_on_its_own_image_alone() -> None:
    network = build().set_train(False)
    visible, infrared = images(count=3), images(1, count=2)
    other = images(2, count=3).asnumpy()
    other[1] = visible.asnumpy()[1]
    for one, changed in zip(network(visible, infrared), network(Tensor(other), infrared)):
        for row in (1, 3, 4):  # a visible one, and both infrared ones
            np.testing.assert_allclose(
                one.asnumpy()[row], changed.asnumpy()[row], rtol=1e-4, atol=1e-6
            )
        assert (one.asnumpy()[[0, 2]] != changed.asnumpy()[[0, 2]]).any(axis=1).all()


def test_part_zero_has_no_part_parameters_and_no_part_logits() -> None:
    network = build(part=0)
    assert not any(name.startswith("part.") for name in names(network))
    assert len(network(images(), images(1))) == 3
    assert len(FeatureStream(network, Modality.visible)(images())) == 1


def test_the_part_branch_leaves_the_other_parameters_alone() -> None:
    whole, bare = names(build()), names(build(part=0))
    assert {name for name in whole if not name.startswith("part.")} == bare


def test_nothing_that_looks_across_images_is_in_the_network() -> None:
    assert {name.split(".")[0] for name in names(build())} == {
        "backbone", "bottleneck", "classifier", "part",
    }  # fmt: skip


def test_the_gate_sums_to_one_and_is_not_there_without_parts() -> None:
    gate = build().gate
    assert gate is not None
    assert gate.sum() == pytest.approx(1)
    assert build(part=0).gate is None


def test_a_modality_goes_through_its_own_stem() -> None:
    network = build()
    before = [FeatureStream(network, each)(images())[0].asnumpy() for each in Modality]
    network.backbone.infrared.conv1.weight.set_data(network.backbone.visible.conv1.weight * 2)
    after = [FeatureStream(network, each)(images())[0].asnumpy() for each in Modality]
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-3


def test_extracting_features_renames_and_changes_no_parameter() -> None:
    network = build()
    before = {each.name: each.asnumpy().copy() for each in network.get_parameters()}
    FeatureStream(network, Modality.visible)(images())
    for parameter in network.get_parameters():
        np.testing.assert_array_equal(before[parameter.name], parameter.asnumpy())
