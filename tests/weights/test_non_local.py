"""Weights of AGW and CAJ: their authors' names, and what a plain ResNet leaves to be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learners import small

from ddag.machine.errors import InputError
from ddag.settings.choices import InnerWidth
from ddag.weights import filling
from ddag.weights.names import Arrays

# Of a stem's and of the body's ResNet in the authors' files; their network never uses them.
DEAD = (
    "visible_module.visible.layer1.0.conv1.weight",
    "thermal_module.thermal.layer4.1.bn2.running_mean",
    "base_resnet.base.conv1.weight",
    "base_resnet.base.bn1.bias",
)


def theirs(method: str, *, dead: bool = False) -> tuple[Any, Any, Arrays]:
    """A method, its learner and that one's weights by the authors' names."""
    opened, learner = small(method)
    state = filling.original_state(learner, opened.names)
    if dead:
        state.update({name: np.zeros(1, np.float32) for name in DEAD})
    return opened, learner, state


@pytest.mark.parametrize("method", ["agw", "caj"])
def test_non_local_blocks_have_the_authors_names(method: str) -> None:
    _, _, state = theirs(method)
    for block in ("NL_2.0", "NL_2.1", "NL_3.0", "NL_3.1"):
        names = {name[len(block) + 1 :] for name in state if name.startswith(block + ".")}
        norm = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
        expected = {f"{part}.{leaf}" for part in ("g.0", "W.0", "theta", "phi")
                    for leaf in ("weight", "bias")}  # fmt: skip
        assert names == expected | {f"W.1.{leaf}" for leaf in norm}
    assert state["NL_3.0.theta.weight"].shape == (1, 256, 1, 1)
    assert state["NL_3.0.W.0.weight"].shape == (256, 1, 1, 1)


@pytest.mark.parametrize("method", ["agw", "caj"])
def test_dead_weights_are_ignored_by_name(method: str) -> None:
    opened, _, state = theirs(method, dead=True)
    _, other = small(method, seed=1)
    report = filling.fill(other, state, "a", names=opened.names, for_training=False)
    ignored = {row.name: row.why for row in report.rows if row.what == "ignored"}
    assert set(ignored) == set(DEAD) | {name for name in state if "num_batches" in name}
    assert all(ignored[name].startswith("dead") for name in DEAD)
    assert any("non-local blocks: NL_2.0." in line for line in report.lines())


def test_the_architecture_is_read_from_an_agw() -> None:
    opened, _, state = theirs("agw")
    told = filling.infer_architecture(state, "a", opened.names)
    assert told == {
        "backbone": "resnet18", "identities": 5, "private_stages": 0,
        "non_local": InnerWidth.single,
    }  # fmt: skip


def test_to_train_from_a_baseline_the_non_local_blocks_are_drawn_anew() -> None:
    _, _, state = theirs("baseline")
    opened, learner = small("agw", seed=1)
    before = learner.parameters_dict()["backbone.shared.layer2.non_local0.phi.weight"].asnumpy()
    report = filling.fill(learner, state, "a", names=opened.names, for_training=True)
    missing = {row.name: row.why for row in report.rows if row.what == "missing"}
    assert missing
    assert all(".non_local" in name for name in missing)
    assert set(missing.values()) == {"drawn anew: the file has no non-local blocks"}
    after = learner.parameters_dict()["backbone.shared.layer2.non_local0.phi.weight"].asnumpy()
    np.testing.assert_array_equal(before, after)


def test_to_evaluate_they_must_be_there() -> None:
    _, _, state = theirs("baseline")
    opened, learner = small("agw")
    with pytest.raises(InputError, match=r"non_local0\.\S+ .* is missing .*model.non_local=null"):
        filling.fill(learner, state, "a", names=opened.names, for_training=False)


def test_another_inner_width_is_refused_and_said() -> None:
    opened, _, state = theirs("agw")
    _, half = small("agw", "model.non_local=half")
    with pytest.raises(InputError, match=r"NL_2\.0\.\S+ makes a .*model.non_local=single"):
        filling.fill(half, state, "a", names=opened.names, for_training=False)
