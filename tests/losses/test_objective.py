from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from learners import small
from mindspore import Tensor


def losses_of(*words: str, weight: float = 0.5) -> dict[str, float]:
    """The terms of DDAG's objective on a batch, without dropout."""
    _, learner = small("ddag", "model.dropout=0", *words)
    generator = np.random.default_rng(0)
    visible, infrared = generator.normal(size=(2, 4, 3, 64, 32)).astype(np.float32)
    batch = (visible, infrared, np.array([0, 0, 2, 2] * 2, np.int32),
             np.repeat(np.arange(2, dtype=np.int32), 4))  # fmt: skip
    drawn = learner.objective.draw(generator, 8)
    told = [Tensor(weight, ms.float32)] if drawn else []
    terms = learner(*map(Tensor, batch), *told, *map(Tensor, drawn))
    return dict(zip(learner.objective.terms, (float(term) for term in terms)))


def test_the_total_is_the_sum_with_the_graph_loss_weighed() -> None:
    losses = losses_of(weight=0.25)
    parts = losses["loss_id"] + losses["loss_triplet"] + losses["loss_part"]
    assert losses["loss"] == pytest.approx(parts + 0.25 * losses["loss_graph"], rel=1e-5)
    assert all(value > 0 for value in losses.values())


@pytest.mark.parametrize(
    ("word", "off"),
    [
        ("loss.triplet=null", "loss_triplet"),
        ("loss.identity=false", "loss_id"),
        ("model.part=0", "loss_part"),
        ("model.graph=false", "loss_graph"),
    ],
)
def test_a_term_that_is_off_is_gone_and_the_others_are_as_before(word: str, off: str) -> None:
    whole, losses = losses_of(), losses_of(word)
    assert losses.keys() == whole.keys() - {off}
    for name in losses.keys() - {"loss"}:
        assert losses[name] == pytest.approx(whole[name], rel=1e-4), name


@pytest.mark.parametrize("kind", ["center", "weighted", "squared"])
def test_the_triplet_loss_may_be_of_another_kind(kind: str) -> None:
    hard, other = losses_of(), losses_of(f"loss.triplet={kind}")
    assert other["loss_triplet"] != pytest.approx(hard["loss_triplet"], rel=1e-3)
    assert other["loss_id"] == pytest.approx(hard["loss_id"], rel=1e-5)


def test_smoothing_changes_the_losses_by_the_classifier_alone() -> None:
    sharp, smoothed = losses_of(), losses_of("loss.smoothing=0.1")
    for name in ("loss_id", "loss_part"):
        assert smoothed[name] != pytest.approx(sharp[name], rel=1e-4)
    for name in ("loss_triplet", "loss_graph"):
        assert smoothed[name] == pytest.approx(sharp[name], rel=1e-5)
