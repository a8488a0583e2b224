"""The baseline keeps the contract, and is DDAG with both branches off."""

from __future__ import annotations

import numpy as np
import pytest
from learners import small
from method_contract import MethodContract, state, train


class TestBaseline(MethodContract):
    """Identity and triplet loss on two streams."""

    method = "baseline"
    switches = (("loss.identity=false", ("loss_id",)), ("loss.triplet=null", ("loss_triplet",)))


@pytest.mark.slow
@pytest.mark.parametrize("triplet", ["hard", "center"])
def test_the_baseline_is_ddag_with_both_branches_off_to_the_bit(triplet: str) -> None:
    off = ("model.part=0", "model.graph=false", f"loss.triplet={triplet}")
    runs = [small("ddag", *off), small("baseline", f"loss.triplet={triplet}")]
    losses = [train(method, learner, steps=2) for method, learner in runs]
    assert losses[0] == losses[1]
    (_, one), (_, other) = runs
    assert state(one).keys() == state(other).keys()
    for name, values in state(one).items():
        np.testing.assert_array_equal(values, state(other)[name])
