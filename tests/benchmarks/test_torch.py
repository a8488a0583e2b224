"""The benchmarks' PyTorch side; needs the extra torch."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import step


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_same_step_in_pytorch_has_a_finite_loss(channels_last: bool) -> None:
    tiny = step.Size(backbone="resnet18", height=32, width=16, identities=2, images=2, part=1)
    loss = step.plain_torch(tiny, channels_last=channels_last)()
    assert isinstance(loss, float)
    assert math.isfinite(loss)
