"""CAJ keeps the contract, and equals figures recorded from its release."""

from __future__ import annotations

import numpy as np
import pytest
from learners import small
from method_contract import CARRIED, MethodContract, batch_of, train
from mindspore import Tensor
from originals import assert_steps_are, load
from typed import parse

from ddag.settings.choices import Erasing, Modality, Triplet
from ddag.settings.data import ChannelsConfig
from ddag.training import parts


class TestCaj(MethodContract):
    """CAJ."""

    method = "caj"
    switches = (
        ("loss.identity=false", ("loss_id",)),
        ("loss.triplet=null", ("loss_triplet",)),
    )


@pytest.mark.slow
def test_training_steps_are_the_originals(mode: str) -> None:
    assert_steps_are("caj", load("caj_train"))


def test_a_sample_is_seen_in_two_visible_views_and_an_infrared_one() -> None:
    method, _ = small("caj")
    assert method.views == (Modality.visible, Modality.visible, Modality.infrared)


def test_caj_alone_chooses_its_loss_and_its_channels() -> None:
    settings = parse("model=caj")
    assert settings.loss.triplet is Triplet.squared
    assert settings.augmentation.channels == ChannelsConfig(0, 1, 0.75, 0.5)
    assert parse("model=agw").augmentation.channels == ChannelsConfig(0, 0, 0, 0)


def test_its_recipe_is_the_releases() -> None:
    settings = parse("dataset=sysu", "model=caj", "recipe=caj")
    chosen = settings.augmentation
    assert (chosen.crop, chosen.flip, chosen.grayscale) == (10, True, 0)
    assert (chosen.erasing, chosen.erasing_infrared) == (0.5, None)
    assert chosen.erasing_rule is Erasing.caj
    assert settings.data.flip_test
    assert parts.flips(settings)
    assert not parts.flips(settings, asked=False)
    rates = parts.epoch_rates(settings)
    assert len(rates) == 100
    assert (rates[0], rates[19], rates[49], rates[99]) == pytest.approx((0.01, 0.1, 0.01, 0.001))


def test_caj_plus_is_a_preset() -> None:
    settings = parse("dataset=sysu", "experiment=caj_plus")
    chosen = settings.augmentation
    assert settings.model.name == "caj"
    assert settings.model.consistency == 1
    assert chosen.channels == ChannelsConfig(0, 1, 0.75, 0.6)
    assert (chosen.grayscale, chosen.erasing, chosen.erasing_infrared) == (0.1, 0.6, 0.5)
    assert (settings.dataset.name, settings.train.epochs) == ("sysu", 100)
    assert settings.data.flip_test


@pytest.mark.slow
def test_consistency_adds_its_weighted_term() -> None:
    method, learner = small("caj", "model.consistency=0.5")
    losses = train(method, learner)
    whole = losses["loss_id"] + losses["loss_triplet"] + 0.5 * losses["loss_consistency"]
    assert losses["loss"] == pytest.approx(whole, rel=1e-5)
    assert method.scalars(CARRIED) == {}


def test_the_views_that_agree_are_the_two_of_the_same_image() -> None:
    _, learner = small("caj", "model.consistency=1")
    logits = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    batch = batch_of(small("caj")[0])
    outputs = (Tensor(np.eye(12, 512, dtype=np.float32)), Tensor(logits))
    told = (Tensor(batch.identities), Tensor(batch.modalities))
    terms = dict(zip(learner.objective.terms, learner.objective(outputs, *told)))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(shares[4:8] * np.log(shares[:4])).sum(1).mean()
    assert float(terms["loss_consistency"]) == pytest.approx(expected, rel=1e-5)
