"""The benchmarks' PyTorch side; needs the extra torch."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import beside_torch, learning, plain_methods, step

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_same_step_in_pytorch_has_a_finite_loss(channels_last: bool) -> None:
    tiny = step.Size(backbone="resnet18", height=32, width=16, identities=2, images=2, part=1)
    loss = step.plain_torch(tiny, channels_last=channels_last)()
    assert isinstance(loss, float)
    assert math.isfinite(loss)


@pytest.mark.parametrize("name", list(plain_methods.PLAIN))
def test_a_method_is_measured_beside_the_same_in_pytorch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    tall = 96  # enough for six stripes
    tiny = step.Size(backbone="resnet18", height=tall, width=16, identities=2, images=2)
    rows = beside_torch.compare(name, tiny, rounds=1, lives=1)
    assert len(rows) == 6
    assert all(row.what.startswith(f"{name}: ") for row in rows)


@pytest.mark.parametrize("squared", [False, True])
def test_the_weighted_triplet_in_pytorch_is_ours(squared: bool) -> None:
    import numpy as np
    import torch
    from mindspore import Tensor

    from ddag.losses.triplet import squared_weighted_triplet, weighted_triplet

    features = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    identities = np.repeat(np.arange(4), 2).astype(np.int32)
    theirs = plain_methods.weighted_triplet(
        torch.from_numpy(features), torch.from_numpy(identities), squared=squared
    )
    ours = (squared_weighted_triplet if squared else weighted_triplet)(
        Tensor(features), Tensor(identities)
    )
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_what_is_learned_is_measured_beside_pytorch(tiny_regdb: Path) -> None:
    words = [
        "dataset=regdb", f"dataset.root={tiny_regdb}", "recipe=scratch", "model.backbone=resnet18",
        "model.low_dim=8", "model.heads=2", "data.height=64", "data.width=32",
        "sampler.identities=4", "sampler.images=2", "train.epochs=2", "train.steps=1",
        "device.mode=pynative", "dataset.generate=null",
    ]  # fmt: skip
    rows = learning.measure((0, 1), *words)
    assert len(rows) == 6
    assert all("%" in row.measured for row in rows)
