from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from learners import SMALL, small
from mindspore import Tensor, ops
from typed import parse

from ddag.data.images import read_image
from ddag.data.loader import batches_in_order
from ddag.data.records import Records
from ddag.datasets import open_dataset
from ddag.evaluation.extractor import Extractor, Observer, Size
from ddag.model.network import Network
from ddag.settings.choices import Modality

SIZE = Size(height=64, width=32, batch=2)


def network(part: int) -> Network:
    return small("ddag", f"model.part={part}", identities=4)[1].network.set_train(False)


@pytest.fixture(scope="module")
def images(tiny_regdb: Path) -> Records:
    settings = parse("dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.direction=i2v", *SMALL)
    return open_dataset(settings.dataset, settings.data).read_test().query.select(np.arange(5))


def extractor(*, batch: int = 2, flip: bool = False) -> Extractor:
    return Extractor(network(3), ("feat", "feat_att"), Size(64, 32, batch), flip=flip)


def test_features_do_not_depend_on_the_batch_and_blank_images_do_not_come_back(
    images: Records,
) -> None:
    paths = images.paths.tolist()
    heard: list[int] = []
    one = extractor(batch=2).extract(paths, Modality.infrared, heard.append)
    other = extractor(batch=5).extract(paths, Modality.infrared)
    assert heard == [2, 2, 1]
    for name in ("feat", "feat_att"):
        assert one[name].shape == (5, 512)
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=1e-5)


def test_a_feature_depends_on_its_own_image_alone(images: Records) -> None:
    decoded = np.stack([read_image(path, height=64, width=32) for path in images.paths])
    changed = 255 - decoded
    changed[2] = decoded[2]
    ours = extractor(batch=5)
    one, other = (ours.extract_decoded(each, 5, Modality.infrared) for each in (decoded, changed))
    for name in ("feat", "feat_att"):
        np.testing.assert_allclose(one[name][2], other[name][2], rtol=0, atol=1e-6)
        for row in (0, 1, 3, 4):
            assert np.abs(one[name][row] - other[name][row]).max() > 1e-4


def test_images_at_hand_have_the_features_of_their_files(images: Records) -> None:
    paths = images.paths.tolist()
    decoded = [read_image(path, height=64, width=32) for path in paths]
    ours = extractor()
    from_files = ours.extract(paths, Modality.infrared)["feat"]
    at_hand = ours.extract_decoded(decoded, 5, Modality.infrared)["feat"]
    np.testing.assert_array_equal(from_files, at_hand)


def test_flip_averages_an_image_and_its_mirror_image(images: Records) -> None:
    decoded = np.stack([read_image(path, height=64, width=32) for path in images.paths])
    ours = extractor(flip=True)
    one = ours.extract_decoded(decoded, 5, Modality.infrared)["feat"]
    mirrored = ours.extract_decoded(decoded[:, :, ::-1], 5, Modality.infrared)["feat"]
    np.testing.assert_allclose(one, mirrored, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)
    plain = extractor().extract_decoded(decoded, 5, Modality.infrared)["feat"]
    assert np.abs(one - plain).max() > 1e-4


def test_each_part_divides_its_attention_among_all(images: Records) -> None:
    parts = Observer(network(3), SIZE).look(images).parts
    assert parts is not None
    assert parts.shape == (5, 3, 3)
    np.testing.assert_allclose(parts.sum(axis=2), 1, rtol=1e-5)


def test_what_is_looked_at_does_not_depend_on_the_batch(images: Records) -> None:
    built = network(3)
    one, other = (Observer(built, Size(64, 32, batch)).look(images) for batch in (2, 5))
    assert one.parts is not None
    assert other.parts is not None
    assert len(one.activation) == len(one.parts) == len(images)
    np.testing.assert_allclose(one.activation, other.activation, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.parts, other.parts, rtol=0, atol=1e-5)


def test_activation_adds_up_to_the_global_feature(images: Records) -> None:
    built = network(0)
    activation = Observer(built, Size(64, 32, 8)).look(images).activation
    assert activation.shape == (5, 4, 2)
    assert images.modality is Modality.infrared
    (batch,) = batches_in_order(images.paths.tolist(), height=64, width=32, batch=8)
    feature_map = built.backbone.shared(built.backbone.infrared(Tensor(batch)))
    feat = built.bottleneck(feature_map.mean((2, 3))).asnumpy()
    np.testing.assert_allclose(activation.mean(axis=(1, 2)), (feat**2).sum(axis=1), rtol=1e-4)


def test_a_network_without_parts_has_neither_attention_nor_gate(images: Records) -> None:
    observer = Observer(network(0), Size(64, 32, 8))
    assert observer.gate is None
    assert observer.look(images).parts is None


def test_the_gate_is_what_the_refined_feature_weighs_parts_by() -> None:
    built = network(3)
    built.part.gate.set_data(Tensor(np.array([0.5, -1, 2], np.float32)))
    gate = Observer(built, SIZE).gate
    assert gate is not None
    np.testing.assert_allclose(gate, ops.softmax(built.part.gate, 0).asnumpy(), rtol=1e-6)
