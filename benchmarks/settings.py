"""What benchmarks share: the framework's parts by settings composed as ``run.py`` would."""

from __future__ import annotations

from ddag.composition import compose
from ddag.methods import open_method
from ddag.model.initial import initialise
from ddag.settings.settings import Settings
from ddag.training.learner import Learner
from ddag.training.parts import build_learner, build_optimizer
from ddag.training.step import Trainer

STEPS = 10_000  # more than any benchmark takes


def composed(*overrides: str) -> Settings:
    """What ``python run.py`` with these words would run by."""
    return compose(overrides)


def learner_of(settings: Settings, identities: int) -> Learner:
    """Network and objective of the method that the settings name, their first weights drawn."""
    method = open_method(settings)
    learner = build_learner(method, identities)
    initialise(learner, settings.seed, method.rules)
    return learner


def trainer_of(settings: Settings, identities: int) -> Trainer:
    """What takes a run's steps, without a data set."""
    learner = learner_of(settings, identities)
    rates = [settings.optimizer.lr] * STEPS
    optimizer = build_optimizer(open_method(settings), learner, rates)
    return Trainer(learner, optimizer, seed=settings.seed)
