from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, ops

from ddag.data.loader import batches_in_order
from ddag.data.records import Records
from ddag.datasets import regdb
from ddag.evaluation.attention import Observer
from ddag.model.initial import initialise
from ddag.model.network import DDAG
from ddag.settings.choices import Modality


def network(part: int) -> DDAG:
    built = DDAG(5, backbone="resnet18", part=part, graph=False, low_dim=8, heads=2, height=64)
    initialise(built, seed=0)
    return built.set_train(False)


@pytest.fixture(scope="module")
def images(tiny_regdb: Path) -> Records:
    test_set = regdb.read_test(tiny_regdb, trial=1, direction="i2v")
    return test_set.query.select(np.arange(5))


def test_each_part_divides_its_attention_among_all(images: Records) -> None:
    observer = Observer(network(3), height=64, width=32, batch=2)
    parts = observer.look(images).parts
    assert parts is not None
    assert parts.shape == (5, 3, 3)
    np.testing.assert_allclose(parts.sum(axis=2), 1, rtol=1e-5)


def test_activation_adds_up_to_the_global_feature(images: Records) -> None:
    built = network(0)
    activation = Observer(built, height=64, width=32, batch=8).look(images).activation
    assert activation.shape == (5, 4, 2)
    assert images.modality is Modality.infrared
    (batch,) = batches_in_order(images, height=64, width=32, batch=8)
    feature_map = built.backbone.shared(built.backbone.infrared(Tensor(batch)))
    feat = built.bottleneck(feature_map.mean((2, 3))).asnumpy()
    np.testing.assert_allclose(activation.mean(axis=(1, 2)), (feat**2).sum(axis=1), rtol=1e-4)


def test_a_network_without_parts_has_neither_attention_nor_gate(images: Records) -> None:
    observer = Observer(network(0), height=64, width=32, batch=8)
    assert observer.gate is None
    assert observer.look(images).parts is None


def test_the_gate_is_what_the_refined_feature_weighs_parts_by() -> None:
    built = network(3)
    built.part.gate.set_data(Tensor(np.array([0.5, -1, 2], np.float32)))
    gate = Observer(built, height=64, width=32, batch=8).gate
    assert gate is not None
    np.testing.assert_allclose(gate, ops.softmax(built.part.gate, 0).asnumpy(), rtol=1e-6)
