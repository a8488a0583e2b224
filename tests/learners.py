"""What tests share of methods: one at a small size, its first weights drawn."""

from __future__ import annotations

from typing import Any

from typed import parse

from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.model.initial import initialise
from ddag.training.learner import Learner
from ddag.training.parts import build_learner

SMALL = [
    "data.height=64", "data.width=32", "data.test_batch=8", "sampler.identities=2",
    "sampler.images=2", "model.backbone=resnet18",
]  # fmt: skip
OF_METHOD = {
    "ddag": ["model.low_dim=8", "model.heads=2"],
    "ddag_paper": ["model.low_dim=8", "model.heads=2"],
    "hct": ["model.stripes=2", "model.stripe_width=16"],
}


def small_method(method: str, *words: str) -> Method[Any]:
    """A method under settings of a small size.

    Args:
        method: its name.
        *words: overrides as typed.
    """
    return open_method(parse(f"model={method}", *SMALL, *OF_METHOD.get(method, []), *words))


def small(
    method: str, *words: str, identities: int = 5, seed: int = 0
) -> tuple[Method[Any], Learner]:
    """A method and its learner for so many training identities; arguments as above."""
    opened = small_method(method, *words)
    learner = build_learner(opened, identities)
    initialise(learner, seed, opened.rules)
    return opened, learner
