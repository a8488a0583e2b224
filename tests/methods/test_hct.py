"""The hetero-centre triplet method keeps the contract, and equals its original's figures."""

from __future__ import annotations

import numpy as np
import pytest
from learners import small
from method_contract import MethodContract, state
from originals import assert_features_are, assert_steps_are, load
from typed import parse

from ddag.machine.errors import InputError
from ddag.methods.hct import HctConfig, HctNames
from ddag.settings.choices import Pooling, Triplet
from ddag.weights import filling

NAMES = HctNames()
ON_REGDB = ("model.gem_exponent=10", "model.stripe_weight=2", "loss.smoothing=0.1")


class TestHct(MethodContract):
    """Stripes and their triplet losses."""

    method = "hct"
    switches = (("loss.identity=false", ("loss_id",)), ("loss.triplet=null", ("loss_triplet",)))


@pytest.mark.smoke
def test_features_are_the_originals(mode: str) -> None:
    assert_features_are("hct", load("hct_forward"), *ON_REGDB)


@pytest.mark.slow
def test_training_steps_are_the_originals(mode: str) -> None:
    recorded = load("hct_train")
    steps = assert_steps_are("hct", recorded, *ON_REGDB)
    stripes = recorded["loss_tri_stripes"][0]
    assert steps.losses[0]["loss_triplet_stripes"] == pytest.approx(stripes, rel=1e-3)


def test_its_settings_are_the_authors() -> None:
    for preset, exponent, weight, smoothing, batch in (
        ("hct_sysu_all", 3, 1, 0, (6, 8)),
        ("hct_regdb_v2i", 10, 2, 0.1, (8, 4)),
    ):
        settings = parse(f"experiment={preset}")
        model = settings.model
        assert isinstance(model, HctConfig)
        assert (model.stripes, model.stripe_width, model.private_stages) == (6, 256, 1)
        assert (model.pooling, model.gem_exponent) == (Pooling.gem, exponent)
        assert (model.stripe_weight, settings.loss.smoothing) == (weight, smoothing)
        assert (settings.loss.triplet, settings.loss.margin) == (Triplet.center, 0.3)
        assert (settings.sampler.identities, settings.sampler.images) == batch
        assert (settings.train.epochs, settings.optimizer.lr) == (61, 0.1)
        assert (settings.augmentation.grayscale, settings.augmentation.erasing) == (0, 0)


def test_generated_people_have_a_row_for_each_stripe() -> None:
    assert parse("model=hct").data.height == 96


def test_stripes_that_do_not_share_out_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"model\.stripes=4: .* 6 rows .* use 1, 2, 3, 6$"):
        parse("model=hct", "model.stripes=4")


def test_the_authors_names_and_shapes_are_theirs() -> None:
    theirs = filling.original_state(small("hct")[1], NAMES)
    for stripe in range(2):
        assert theirs[f"local_conv_list.{stripe}.0.weight"].shape == (16, 512, 1, 1)
        assert theirs[f"local_conv_list.{stripe}.0.bias"].shape == (16,)
        assert theirs[f"local_conv_list.{stripe}.1.running_var"].shape == (16,)
        assert theirs[f"local_conv_list.{stripe}.1.num_batches_tracked"].shape == ()
        assert theirs[f"fc_list.{stripe}.weight"].shape == (5, 16)
        assert theirs[f"fc_list.{stripe}.bias"].shape == (5,)
    assert "visible_module.visible.layer1.0.conv1.weight" in theirs
    assert "base_resnet.base.layer1.0.conv1.weight" not in theirs


def test_an_authors_file_tells_what_network_it_is_of() -> None:
    theirs = filling.original_state(small("hct")[1], NAMES)
    told = {"backbone": "resnet18", "identities": 5, "private_stages": 1,
            "stripes": 2, "stripe_width": 16}  # fmt: skip
    assert filling.infer_architecture(theirs, "a", NAMES) == told
    del theirs["fc_list.0.bias"]
    with pytest.raises(InputError, match=r"the stripes of classifier\.bias"):
        filling.infer_architecture(theirs, "a", NAMES)


def test_other_identities_are_drawn_anew_for_training() -> None:
    theirs = filling.original_state(small("hct")[1], NAMES)
    _, learner = small("hct", identities=7, seed=1)
    before = state(learner)
    report = filling.fill(learner, theirs, "a", names=NAMES, for_training=True)
    missing = [row.name for row in report.rows if row.what == "missing"]
    assert missing == ["classifier.weight", "classifier.bias"]
    for name in missing:
        np.testing.assert_array_equal(state(learner)[name], before[name])


def test_first_weights_are_the_authors() -> None:
    weights = state(small("hct", "model.stripe_width=256")[1])
    assert weights["stripes.0.embedding.weight"].std() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert weights["classifier.weight"].std() == pytest.approx(0.001, rel=0.05)
    for name in ("classifier.bias", "stripes.1.bn1.beta"):
        assert not weights[name].any()
    assert (weights["stripes.1.bn1.gamma"] == 1).all()
