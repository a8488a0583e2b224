"""What benchmarks share: the framework's parts by settings composed as ``run.py`` would."""

from __future__ import annotations

from typing import Any

from ddag.composition import compose
from ddag.machine.sharing import ALONE, Share
from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.model.initial import initialise
from ddag.training.accumulating import parted
from ddag.training.learner import Learner
from ddag.training.parts import build_learner, build_optimizer
from ddag.training.step import Trainer

STEPS = 10_000  # more than any benchmark takes


def composed(*overrides: str) -> Method[Any]:
    """The method that ``python run.py`` with these words would run, with its settings."""
    return open_method(compose(overrides))


def learner_of(method: Method[Any], identities: int) -> Learner:
    """Network and objective, their first weights drawn."""
    learner = build_learner(method, identities)
    initialise(learner, method.settings.seed, method.rules)
    return learner


def trainer_of(method: Method[Any], identities: int, share: Share = ALONE) -> Trainer:
    """What takes a run's steps, without a data set."""
    learner = learner_of(method, identities)
    learner.share_out(share, views=len(method.views), sync_bn=method.settings.device.sync_bn)
    optimizer = build_optimizer(method, learner, [method.settings.optimizer.lr] * STEPS)
    how: Any = {"seed": method.settings.seed, "share": share, "parts": parted(method)}
    return Trainer(learner, optimizer, **how)
