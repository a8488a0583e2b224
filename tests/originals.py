"""What tests of methods share: ours with the stand-in weights, and three steps beside those
recorded from an original network.

The original ran in PyTorch on a CPU in float32 and, to say how much its rounding matters, in
float64. Twice the distance of the two is allowed to ours, and a little on top.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple, TypeVar

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from recorded import REFERENCE, load_rule
from typed import parse

from ddag.data.loader import Batch
from ddag.evaluation.extractor import FeatureStream
from ddag.machine import device, environment
from ddag.methods import open_method
from ddag.methods.method import Method
from ddag.settings.choices import Modality
from ddag.training import parts
from ddag.training.learner import Learner
from ddag.training.step import flatten
from ddag.training.update import Step
from ddag.weights import filling
from ddag.weights.names import to_original

Given = TypeVar("Given")
rule = load_rule()
# What training's references shrink, so that distances have the size that their losses live at.
SHRUNK = re.compile(r"base_resnet\.base\.layer4\.(\d\.bn3|0\.downsample\.1)\.(weight|bias)")
# One number, a sum whose parts cancel: judged by the size of the gradient of its own weight.
SUMS = re.compile(r"(NL_\d\.\d\.(theta|phi|g\.0)\.)bias")
NOISE = 1e-9  # a gradient below it in float64 is truly 0: of a bias ahead of a batch norm


def original(
    name: str, identities: int, *words: str, shrink: float = 1
) -> tuple[Method[Any], Learner]:
    """A method with ResNet-50 and the reference's stand-in weights, through the authors' names."""
    method = open_method(parse(f"model={name}", "dataset=regdb", "recipe=paper", *words))
    learner = parts.build_learner(method, identities)
    shapes = {key: v.shape for key, v in filling.original_state(learner, method.names).items()}
    given = {key: rule.tensor(key, shape, 0) for key, shape in shapes.items()}
    for key in filter(SHRUNK.fullmatch, given):
        given[key] = given[key] * np.float32(shrink)
    filling.fill(learner, given, "reference", names=method.names, for_training=False)
    return method, learner


def take_features(
    name: str, recorded: Mapping[str, np.ndarray], *words: str
) -> dict[str, np.ndarray]:
    """The test features of both modalities that were recorded, by ours."""
    method, learner = original(name, int(recorded["n_class"]), *words)
    shape = (int(recorded["batch"]), 3, int(recorded["height"]), int(recorded["height"]) // 2)
    found = {}
    for modality in Modality:
        given = Tensor(rule.images(modality.value, shape, int(recorded["seed"])))
        features = FeatureStream(learner.network, modality)(given)
        for feature_name, feature in zip(method.features, features):
            found[f"{modality.value}_{feature_name}"] = feature.asnumpy()
    return found


def assert_features_are(name: str, recorded: np.lib.npyio.NpzFile, *words: str) -> None:
    """Each test feature of both modalities within 1e-4 of those recorded."""
    for feature, values in apart(take_features, name, dict(recorded), *words).items():
        np.testing.assert_allclose(values, recorded[feature], rtol=0, atol=1e-4, err_msg=feature)


class Steps(NamedTuple):
    """Three training steps of ours."""

    losses: list[dict[str, float]]
    gradients: dict[str, float]  # norms at step 0, by the original's names
    outputs: tuple[np.ndarray, ...]  # of the network at step 0
    features: tuple[np.ndarray, ...]  # of the last visible images, after step 2


def apart(function: Callable[..., Given], *arguments: Any) -> Given:
    """What a function gives in a process of its own, in the mode of this one.

    A ResNet-50 leaves gigabytes behind, and those of several methods add up.
    """
    mode = next(name for name, value in device.MODES.items() if value == ms.get_context("mode"))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=_begin, initargs=(mode,)) as pool:
        return pool.submit(function, *arguments).result()


def _begin(mode: str) -> None:
    environment.prepare()
    device.configure("CPU", device_id=0, mode=mode, seed=0)


def take_three(name: str, recorded: Mapping[str, np.ndarray], *words: str) -> Steps:
    """The steps that were recorded, by ours."""
    sized = ("data.height=96", "data.width=48", *words)
    build = lambda: original(name, 20, *sized, shrink=float(recorded["shrink"]))  # noqa: E731
    method, learner = build()
    optimizer = parts.build_optimizer(method, learner, [float(recorded["lr"])] * 3)
    step = Step(learner, optimizer)
    step.set_train(True)
    losses, gradients, outputs = [], {}, ()
    for number in range(3):
        batch = _batch(method, recorded, number)
        given = [Tensor(each) for each in batch]
        if number == 0:
            outputs = tuple(each.asnumpy() for each in learner.network(*given[:2]))
            _, found = step.gradients(*given)
            gradients = norms(method, optimizer.parameters, found)
            # The look at them moved the running statistics, and nothing else.
            for ours, fresh in zip(learner.get_parameters(), build()[1].get_parameters()):
                ours.set_data(fresh)
        terms, _ = step(*given)
        losses.append(dict(zip(learner.objective.terms, flatten(terms))))
    seen = Tensor(batch.visible[:8])
    features = FeatureStream(learner.network, Modality.visible)(seen)
    return Steps(losses, gradients, outputs, tuple(each.asnumpy() for each in features))


def assert_steps_are(name: str, recorded: np.lib.npyio.NpzFile, *words: str) -> Steps:
    """Losses, outputs, norms of gradients and the features that training ends with; ours."""
    ours = apart(take_three, name, dict(recorded), *words)
    totals, exact = recorded["loss_total"], recorded["loss_total_float64"]
    for losses, expected, other in zip(ours.losses, totals, exact):
        assert losses["loss"] == pytest.approx(expected, rel=1e-3, abs=2 * abs(expected - other))
    for term, key in (("loss_id", "loss_id"), ("loss_triplet", "loss_tri")):
        assert ours.losses[0][term] == pytest.approx(recorded[key][0], rel=1e-3)
    features = "step0_pooled" if "step0_pooled" in recorded else "step0_features"
    for array, key in zip(ours.outputs, (features, "step0_logits")):
        # Where there are logits of several stripes, these stand first there and the images here.
        expected = np.moveaxis(recorded[key], 0, -2)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-3 * scale)
    _compare_gradients(ours.gradients, recorded)
    final, other = recorded["final_visible_feat"], recorded["final_visible_feat_float64"]
    rounding = 2 * np.abs(final - other).max()
    np.testing.assert_allclose(ours.features[-1], final, rtol=0, atol=rounding + 1e-5)
    return ours


def _batch(method: Method[Any], recorded: Mapping[str, np.ndarray], number: int) -> Batch:
    seen: list[Modality] = []
    views = []
    for view in method.views:
        further = "2" if view in seen else ""
        tag = f"train_{view.value}{further}_{number}"
        views.append((view, rule.images(tag, (8, 3, 96, 48), int(recorded["seed"]))))
        seen.append(view)
    return Batch.of_views(views, recorded["labels"].astype(np.int32))


def norms(method: Method[Any], parameters: Any, gradients: Any) -> dict[str, float]:
    """Of the gradients of parameters, by the authors' names."""
    values = {each.name: gradient.asnumpy() for each, gradient in zip(parameters, gradients)}
    theirs = to_original(values, method.names)
    return {name: float(np.linalg.norm(value)) for name, value in theirs.items()}


def _compare_gradients(ours: dict[str, float], recorded: np.lib.npyio.NpzFile) -> None:
    """Each norm, by what rounding does to the norms of its kind.

    Rounding hits one norm or another by chance: where in float64 every weight was off by one
    rounding of float32, 3 to 57 of AGW's norms were further from the original in float32 than twice
    its distance from float64. So the largest distance among the norms of a kind counts.
    """
    names = recorded["grad_names"].tolist()
    assert set(ours) == set(names)
    theirs = dict(zip(names, zip(recorded["grad_norms"], recorded["grad_norms_float64"])))
    true = {name: pair for name, pair in theirs.items() if pair[1] > NOISE}
    sums = {name for name in true if SUMS.fullmatch(name)}
    for name in sums:
        whole = theirs[SUMS.sub(r"\1weight", name)][0]
        assert ours[name] == pytest.approx(true[name][0], rel=0, abs=1e-3 * whole), name
    for is_non_local in (False, True):
        kind = {name for name in true if name.startswith("NL_") == is_non_local} - sums
        rounding = max((abs(true[name][0] / true[name][1] - 1) for name in kind), default=0)
        for name in kind:
            assert ours[name] == pytest.approx(true[name][0], rel=2 * rounding + 1e-3), name


def load(name: str) -> np.lib.npyio.NpzFile:
    """A file of recorded figures."""
    return np.load(REFERENCE / f"{name}.npz")
