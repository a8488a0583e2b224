"""What holds for every method: the test of each inherits this class."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from learners import small, small_method
from mindspore import Tensor

from ddag.data.loader import Batch
from ddag.evaluation.extractor import FeatureStream, LookStream
from ddag.methods.method import Method
from ddag.settings.choices import Modality
from ddag.training import checkpoint, parts
from ddag.training.description import Description
from ddag.training.learner import Learner
from ddag.training.step import Losses, Trainer, names
from ddag.weights import filling

CARRIED = 1.0  # a mean loss of an epoch before, so that no branch is switched off


def batch_of(method: Method[Any], *, seed: int = 0) -> Batch:
    """Four samples of two identities, in the views that the method asks for."""
    generator = np.random.default_rng(seed)
    views = [
        (view, generator.normal(size=(4, 3, 64, 32)).astype(np.float32)) for view in method.views
    ]
    return Batch.of_views(views, np.array([0, 0, 2, 2], np.int32))


def images(count: int = 4, *, seed: int = 0) -> np.ndarray:
    """Normalised images of one modality."""
    return np.random.default_rng(seed).normal(size=(count, 3, 64, 32)).astype(np.float32)


def state(learner: Learner) -> dict[str, np.ndarray]:
    """Every parameter by name."""
    return {each.name: each.asnumpy().copy() for each in learner.get_parameters()}


def train(method: Method[Any], learner: Learner, *, steps: int = 1, rate: float = 0.01) -> Losses:
    """Take steps, each on a batch of its own; the losses of the last."""
    optimizer = parts.build_optimizer(method, learner, [rate] * steps)
    trainer = Trainer(learner, optimizer, seed=0)
    losses: Losses = {}
    for position in range(steps):
        batch = batch_of(method, seed=position)
        losses = trainer.step(batch, epoch=0, position=position, scalars=method.scalars(CARRIED))
    return losses


class MethodContract:
    """What a test of a method inherits, and says of it."""

    method: ClassVar[str]
    switches: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()
    """Words that switch a branch off, and for each what then is gone: beginnings of parameters and
    whole names of terms."""

    @pytest.mark.smoke
    def test_a_step_moves_every_parameter_that_trains_and_says_each_term(self, mode: str) -> None:
        method, learner = small(self.method)
        before = state(learner)
        losses = train(method, learner)
        assert tuple(losses) == names(learner.objective)
        assert all(np.isfinite(value) for value in losses.values())
        trainable = {each.name for each in learner.trainable_params()}
        unmoved = {name for name in trainable if (state(learner)[name] == before[name]).all()}
        assert unmoved == set()

    @pytest.mark.slow
    def test_what_does_not_train_stays_but_for_running_statistics(self) -> None:
        method, learner = small(self.method)
        before = state(learner)
        train(method, learner)
        after = state(learner)
        trainable = {each.name for each in learner.trainable_params()}
        for name in before.keys() - trainable:
            moves = name.endswith(("moving_mean", "moving_variance"))
            assert (after[name] != before[name]).any() == moves, name

    @pytest.mark.slow
    def test_two_runs_of_a_seed_are_equal_to_the_bit(self) -> None:
        finals = []
        for _ in range(2):
            method, learner = small(self.method)
            train(method, learner, steps=2)
            finals.append(state(learner))
        for name, values in finals[0].items():
            np.testing.assert_array_equal(values, finals[1][name], name)

    def test_another_seed_draws_other_weights(self) -> None:
        _, one = small(self.method)
        _, other = small(self.method, seed=1)
        assert (state(one)["classifier.weight"] != state(other)["classifier.weight"]).all()

    @pytest.mark.parametrize("modality", list(Modality))
    def test_features_have_length_one_and_their_names(self, modality: Modality) -> None:
        method, learner = small(self.method)
        features = FeatureStream(learner.network, modality)(Tensor(images()))
        assert len(features) == len(method.features)
        for feature in features:
            np.testing.assert_allclose(np.linalg.norm(feature.asnumpy(), axis=1), 1, rtol=1e-5)

    @pytest.mark.parametrize("modality", list(Modality))
    def test_a_feature_depends_on_its_own_image_alone(self, modality: Modality) -> None:
        _, learner = small(self.method)
        stream = FeatureStream(learner.network, modality)
        given, others = images(seed=0), images(seed=1)
        others[2] = given[2]
        for one, other in zip(stream(Tensor(given)), stream(Tensor(others))):
            np.testing.assert_allclose(one.asnumpy()[2], other.asnumpy()[2], rtol=0, atol=1e-6)
            assert np.abs(one.asnumpy()[1] - other.asnumpy()[1]).max() > 1e-4

    def test_outputs_stand_in_the_order_of_the_batch(self) -> None:
        method, learner = small(self.method)
        learner.set_train(False)
        batch = batch_of(method)
        whole = learner.network(Tensor(batch.visible), Tensor(batch.infrared))
        turned = learner.network(Tensor(batch.visible[::-1].copy()), Tensor(batch.infrared))
        seen = len(batch.visible)
        for one, other in zip(whole, turned):
            assert one.shape[0] == len(batch.identities) == len(batch.modalities)
            expected = np.concatenate((one.asnumpy()[:seen][::-1], one.asnumpy()[seen:]))
            np.testing.assert_allclose(expected, other.asnumpy(), rtol=1e-3, atol=1e-5)

    def test_what_is_looked_at_has_a_value_for_each_place_of_the_map(self) -> None:
        _, learner = small(self.method)
        activation = LookStream(learner.network, Modality.visible)(Tensor(images()))[0]
        assert activation.shape == (4, 4, 2)

    def test_a_switch_removes_its_parameters_and_its_terms(self) -> None:
        _, whole = small(self.method)
        for words, gone in self.switches:
            _, learner = small(self.method, *words.split())
            for name in gone:
                before = [*state(whole), *whole.objective.terms]
                after = [*state(learner), *learner.objective.terms]
                assert any(each.startswith(name) for each in before), name
                assert not any(each.startswith(name) for each in after), (words, name)
            kept = {name for name in state(whole) if not name.startswith(tuple(gone))}
            assert set(state(learner)) == kept

    @pytest.mark.slow
    def test_pooling_and_stages_of_each_modalitys_own_are_settings(self) -> None:
        own = ("model.pooling=gem", "model.gem_exponent=4", "model.private_stages=2")
        method, learner = small(self.method, *own)
        assert learner.network.exponent == 4
        before = state(learner)
        train(method, learner)
        for modality in Modality:
            name = f"backbone.{modality.value}.layer2.0.conv1.weight"
            assert (state(learner)[name] != before[name]).any()
        assert not any(name.startswith("backbone.shared.layer2") for name in before)

    def test_a_checkpoint_comes_back_the_same(self, tmp_path: Path) -> None:
        _, learner = small(self.method)
        described = Description({"tag": "ü"}, identities=5, epoch=3, step=7)
        path = tmp_path / "best.ckpt"
        checkpoint.save(path, learner, described)
        _, other = small(self.method, seed=1)
        stored = checkpoint.read(path)
        assert (stored.described.epoch, stored.described.settings) == (3, {"tag": "ü"})
        checkpoint.load_weights(other, stored, path)
        for name, values in state(learner).items():
            np.testing.assert_array_equal(values, state(other)[name])

    def test_the_authors_names_go_out_and_come_back_the_same(self) -> None:
        method, learner = small(self.method)
        theirs = filling.original_state(learner, method.names)
        _, other = small(self.method, seed=1)
        filling.fill(other, theirs, "a", names=method.names, for_training=False)
        for name, values in state(learner).items():
            np.testing.assert_array_equal(values, state(other)[name])

    def test_every_parameter_has_a_name_that_is_known_and_a_branch(self) -> None:
        method, learner = small(self.method)
        for name in state(learner):
            assert any(re.fullmatch(pattern, name) for pattern in method.names.ours), name
            assert method.names.branch(name) in method.names.branches

    def test_the_monitor_is_one_of_its_features(self) -> None:
        method = small_method(self.method)
        assert method.monitor.partition("/")[0] == method.features[-1]
