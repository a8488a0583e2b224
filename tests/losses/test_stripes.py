from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor

from ddag.losses.classification import cross_entropy
from ddag.losses.stripes import StripeObjective
from ddag.losses.triplet import center_triplet
from ddag.settings.choices import Triplet

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=(8, 6)).astype(np.float32)  # three stripes of two features
LOGITS = GENERATOR.normal(size=(8, 3, 4)).astype(np.float32)
IDENTITIES = Tensor(np.array([0, 0, 1, 1] * 2, np.int32))
MODALITIES = Tensor(np.repeat(np.arange(2, dtype=np.int32), 4))


def losses(**chosen: object) -> dict[str, float]:
    settings = {"identity": True, "triplet": Triplet.center, "smoothing": 0.1, "weight": 2.0}
    objective = StripeObjective(margin=0.3, stripes=3, **{**settings, **chosen})
    terms = objective((Tensor(FEATURES), Tensor(LOGITS)), IDENTITIES, MODALITIES)
    assert len(terms) == len(objective.terms)
    return dict(zip(objective.terms, map(float, terms)))


def test_the_total_is_the_sum_over_stripes_with_their_triplets_weighed() -> None:
    found = losses()
    each = [cross_entropy(Tensor(LOGITS[:, stripe]), IDENTITIES, 0.1) for stripe in range(3)]
    assert found["loss_id"] == pytest.approx(sum(map(float, each)), rel=1e-5)
    whole = center_triplet(Tensor(FEATURES), IDENTITIES, MODALITIES, 0.3)
    assert found["loss_triplet"] == pytest.approx(float(whole), rel=1e-5)
    alone = [
        center_triplet(
            Tensor(FEATURES[:, 2 * stripe : 2 * stripe + 2]), IDENTITIES, MODALITIES, 0.3
        )
        for stripe in range(3)
    ]
    assert found["loss_triplet_stripes"] == pytest.approx(sum(map(float, alone)), rel=1e-5)
    total = found["loss_id"] + found["loss_triplet"] + 2 * found["loss_triplet_stripes"]
    assert found["loss"] == pytest.approx(total, rel=1e-6)


def test_a_loss_that_is_off_has_no_term() -> None:
    assert losses(triplet=None).keys() == {"loss", "loss_id"}
    assert losses(identity=False).keys() == {"loss", "loss_triplet", "loss_triplet_stripes"}
