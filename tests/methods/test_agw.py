"""AGW keeps the contract, and equals figures recorded from its release."""

from __future__ import annotations

import numpy as np
import pytest
from learners import small, small_method
from method_contract import MethodContract, state
from originals import assert_features_are, assert_steps_are, load
from typed import parse

from ddag.machine.errors import InputError
from ddag.methods.agw import AgwNames
from ddag.settings.choices import InnerWidth, OptimizerKind, Pooling, Triplet
from ddag.training import parts


class TestAgw(MethodContract):
    """AGW."""

    method = "agw"
    switches = (
        ("loss.identity=false", ("loss_id",)),
        ("loss.triplet=null", ("loss_triplet",)),
        (
            "model.non_local=null",
            tuple(
                f"backbone.shared.layer{layer}.non_local{block}."
                for layer in (2, 3)
                for block in range(2)
            ),
        ),
    )


def test_features_are_the_originals(mode: str) -> None:
    assert_features_are("agw", load("agw_forward"))


@pytest.mark.slow
def test_training_steps_are_the_originals(mode: str) -> None:
    assert_steps_are("agw", load("agw_train"))


def test_agw_alone_chooses_its_pooling_and_its_loss() -> None:
    settings = parse("model=agw")
    assert (settings.model.pooling, settings.model.gem_exponent) == (Pooling.gem, 3)
    assert settings.loss.triplet is Triplet.weighted
    assert small_method("agw").monitor == "feat/rank1"
    assert parse("model=agw", "loss.triplet=hard").loss.triplet is Triplet.hard


def test_its_recipe_is_the_releases_by_epoch() -> None:
    settings = parse("dataset=sysu", "model=agw", "recipe=agw")
    assert (settings.sampler.identities, settings.sampler.images) == (8, 4)
    assert (settings.augmentation.grayscale, settings.augmentation.erasing) == (0, 0)
    assert settings.optimizer.kind is OptimizerKind.sgd
    assert settings.optimizer.backbone_scale == 0.1
    rates = parts.epoch_rates(settings)
    assert len(rates) == 81
    for epoch, rate in ((0, 0.01), (4, 0.05), (9, 0.1), (19, 0.1), (20, 0.01), (49, 0.01),
                        (50, 0.001), (80, 0.001)):  # fmt: skip
        assert rates[epoch] == pytest.approx(rate), epoch


def test_non_local_blocks_start_without_effect() -> None:
    _, learner = small("agw")
    gains = [value for name, value in state(learner).items() if name.endswith(".norm.gamma")]
    assert len(gains) == 4  # a ResNet-18 has two blocks in either layer
    assert all((gain == 0).all() for gain in gains)


@pytest.mark.parametrize(("word", "inner"), [("single", 1), ("half", 64)])
def test_the_inner_width_is_the_releases_or_the_papers(word: str, inner: int) -> None:
    _, learner = small("agw", f"model.non_local={word}")
    shapes = {name: value.shape for name, value in state(learner).items()}
    assert shapes["backbone.shared.layer2.non_local0.theta.weight"] == (inner, 128, 1, 1)
    assert shapes["backbone.shared.layer2.non_local0.out.weight"] == (128, inner, 1, 1)
    assert AgwNames().infer(shapes, "a") == {"non_local": InnerWidth[word]}


def test_weights_tell_whether_there_are_non_local_blocks() -> None:
    _, learner = small("agw", "model.non_local=null")
    shapes = {name: value.shape for name, value in state(learner).items()}
    assert AgwNames().infer(shapes, "a") == {"non_local": None}
    odd = {"backbone.shared.layer2.non_local0.theta.weight": (3, 128, 1, 1)}
    with pytest.raises(InputError, match="neither single nor half"):
        AgwNames().infer(odd, "a")


def test_first_weights_of_the_convolutions_are_pytorchs_by_their_fan_in() -> None:
    _, learner = small("agw", "model.non_local=half")
    values = state(learner)
    block = "backbone.shared.layer3.non_local1"
    for part, fan_in in (("theta", 256), ("phi", 256), ("g", 256), ("out", 128)):
        for leaf in ("weight", "bias"):
            drawn, bound = np.abs(values[f"{block}.{part}.{leaf}"]), 1 / np.sqrt(fan_in)
            assert 0.9 * bound < drawn.max() <= bound
