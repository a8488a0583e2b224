from __future__ import annotations

import numpy as np
import pytest
from learners import small
from mindspore import Tensor

from ddag.model.pooling import pool
from ddag.model.stripes import StripeClassifier, StripeNetwork

MAP = np.random.default_rng(0).random((3, 512, 4, 2), np.float32)


def build(*words: str) -> StripeNetwork:
    network = small("hct", *words)[1].network
    assert isinstance(network, StripeNetwork)
    return network.set_train(False)


@pytest.mark.parametrize("stripes", [1, 2, 4])
def test_a_feature_is_what_each_stripe_alone_gives_side_by_side(stripes: int) -> None:
    network = build(f"model.stripes={stripes}")
    (feature,) = network.embed(Tensor(MAP))
    rows = 4 // stripes
    for number, stripe in enumerate(network.stripes):
        band = Tensor(MAP[:, :, number * rows : (number + 1) * rows])
        alone = stripe(pool(band, 3)).asnumpy()
        columns = feature.asnumpy()[:, 16 * number : 16 * (number + 1)]
        np.testing.assert_allclose(columns, alone, rtol=1e-4, atol=1e-5)
        assert (columns >= 0).all()


def test_each_stripe_is_classified_by_its_own_classifier() -> None:
    generator = np.random.default_rng(0)
    classifier = StripeClassifier(5, stripes=2, width=3)
    weight = generator.normal(size=(5, 2, 3)).astype(np.float32)
    bias = generator.normal(size=(5, 2)).astype(np.float32)
    classifier.weight.set_data(Tensor(weight))
    classifier.bias.set_data(Tensor(bias))
    features = generator.normal(size=(4, 6)).astype(np.float32)
    logits = classifier(Tensor(features)).asnumpy()
    assert logits.shape == (4, 2, 5)
    for stripe in range(2):
        expected = features[:, 3 * stripe : 3 * stripe + 3] @ weight[:, stripe].T + bias[:, stripe]
        np.testing.assert_allclose(logits[:, stripe], expected, rtol=1e-5, atol=1e-6)


def test_what_places_have_in_common_with_their_stripe_by_hand() -> None:
    network = build("model.stripes=2", "model.pooling=avg")
    (activation,) = network.look(Tensor(MAP))
    (feature,) = network.embed(Tensor(MAP))
    for row, column in ((0, 0), (1, 1), (2, 0), (3, 1)):
        stripe = row // 2
        alone = network.stripes[stripe](Tensor(MAP[:, :, row, column])).asnumpy()
        expected = (alone * feature.asnumpy()[:, 16 * stripe : 16 * stripe + 16]).sum(1)
        np.testing.assert_allclose(
            activation.asnumpy()[:, row, column], expected, rtol=1e-3, atol=1e-4
        )
