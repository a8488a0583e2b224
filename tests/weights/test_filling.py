from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Optional

import mindspore as ms
import numpy as np
import pytest
from learners import small
from mindspore import Parameter, Tensor
from recorded import REFERENCE, load_rule
from safetensors.numpy import save_file

from ddag.evaluation.extractor import FeatureStream
from ddag.machine.errors import InputError
from ddag.methods.ddag import Ddag, DdagNames
from ddag.model.initial import initialise
from ddag.settings.choices import Attention, Modality
from ddag.training.learner import Learner
from ddag.weights import files as weight_files
from ddag.weights import filling as weights
from ddag.weights.names import Kind, to_original, translate

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
Arrays = dict[str, np.ndarray]
Shapes = dict[str, "tuple[int, ...]"]


rule = load_rule()


def norm(name: str, channels: int) -> Shapes:
    leaves: Shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
    leaves["num_batches_tracked"] = ()
    return {f"{name}.{leaf}": shape for leaf, shape in leaves.items()}


def resnet_shapes(depth: int) -> Shapes:
    """torchvision's names and shapes of a ResNet."""
    expansion = 4 if depth >= 50 else 1
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    inputs = 64
    for layer, count in enumerate(BLOCKS[depth]):
        width = 64 * 2**layer
        for block in range(count):
            at = f"layer{layer + 1}.{block}"
            first = 1 if expansion == 4 else 3
            kernels = [(inputs, width, first), (width, width, 3)]
            if expansion == 4:
                kernels.append((width, width * 4, 1))
            for i, (fan_in, out, kernel) in enumerate(kernels, start=1):
                shapes[f"{at}.conv{i}.weight"] = (out, fan_in, kernel, kernel)
                shapes.update(norm(f"{at}.bn{i}", out))
            if inputs != width * expansion:
                shapes[f"{at}.downsample.0.weight"] = (width * expansion, inputs, 1, 1)
                shapes.update(norm(f"{at}.downsample.1", width * expansion))
            inputs = width * expansion
    return shapes


def original_shapes(
    depth: int, *, part: int = 3, identities: int = 5, heads: int = 2, low_dim: int = 8
) -> Shapes:
    """The authors' names and shapes, the dead entries too."""
    shapes: Shapes = {}
    for beginning in ("visible_module.visible.", "thermal_module.thermal.", "base_resnet.base."):
        shapes.update({beginning + name: shape for name, shape in resnet_shapes(depth).items()})
    channels = 2048 if depth >= 50 else 512
    shapes.update(norm("bottleneck", channels))
    for name in ("classifier", "classifier1", "classifier2"):
        shapes[f"{name}.weight"] = (identities, channels)
    for name in ("wpa.fc1.0", "wpa.fc2", "wpa.fc3", "wpa.W.0"):
        shapes[f"{name}.weight"] = (channels, channels, 1, 1)
        shapes[f"{name}.bias"] = (channels,)
    shapes.update(norm("wpa.bottleneck", channels))
    shapes["wpa.gate"] = (part,)
    for head in range(heads):
        shapes[f"attention_{head}.W"] = (channels, low_dim)
        shapes[f"attention_{head}.a"] = (2 * low_dim, 1)
    shapes["out_att.W"] = (heads * low_dim, identities)
    shapes["out_att.a"] = (2 * identities, 1)
    return shapes


def is_dead(name: str) -> bool:
    return (
        name.startswith(("visible_module.visible.layer", "thermal_module.thermal.layer"))
        or name.startswith(("base_resnet.base.conv1", "base_resnet.base.bn1"))
        or name.startswith(("classifier1", "classifier2", "wpa.W"))
    )


def drawn(shapes: Shapes) -> Arrays:
    """Values by the reference's rule; a dead entry is only its name."""
    return {
        name: np.zeros(1, np.float32) if is_dead(name) else rule.tensor(name, shape)
        for name, shape in shapes.items()
    }


NAMES = DdagNames()


def small_learner(identities: int = 5, **model: Any) -> Learner:
    words = {"data.height": 96, **{f"model.{key}": value for key, value in model.items()}}
    typed = [f"{key}={str(value).lower()}" for key, value in words.items()]
    return small("ddag_paper", *typed, identities=identities)[1]


def fill(learner: Learner, given: Arrays, source: str, *, for_training: bool) -> weights.Report:
    return weights.fill(learner, given, source, names=NAMES, for_training=for_training)


def values_of(learner: Learner) -> Arrays:
    return {each.name: each.asnumpy().copy() for each in learner.get_parameters()}


def assert_refused_unchanged(
    learner: Learner, given: Arrays, *needles: str, for_training: bool = True
) -> None:
    before = values_of(learner)
    with pytest.raises(InputError) as refusal:
        fill(learner, given, "model.pretrained=a.pth", for_training=for_training)
    for needle in ("model.pretrained=a.pth: ", *needles):
        assert needle in str(refusal.value)
    assert "\n" not in str(refusal.value)
    for name, value in values_of(learner).items():
        np.testing.assert_array_equal(value, before[name])


@pytest.fixture(scope="module")
def resnet18() -> Arrays:
    return {**drawn(resnet_shapes(18)), "fc.weight": np.zeros((10, 512), np.float32)}


@pytest.fixture(scope="module")
def original() -> Arrays:
    return drawn(original_shapes(18))


# The network by name ------------------------------------------------------------------------------


def test_the_authors_resnet50_gives_the_recorded_features() -> None:
    with np.load(REFERENCE / "forward_p3.npz") as file:
        recorded = dict(file)
    shapes = original_shapes(50, identities=206, heads=4, low_dim=512)
    learner = small("ddag_paper", "model.backbone=resnet50", "model.low_dim=512", "model.heads=4",
                    "data.height=288", identities=206)[1]  # fmt: skip
    report = fill(learner, drawn(shapes), "job.source=net.t", for_training=False)
    assert report.kind is Kind.ORIGINAL
    assert report.count("missing") == 0
    for modality in Modality:
        images = Tensor(rule.images(modality.value, (2, 3, 288, 144), 0))
        for name, feature in zip(
            ("feat", "feat_att"), FeatureStream(learner.network, modality)(images)
        ):
            expected = recorded[f"{modality.value}_{name}"]
            np.testing.assert_allclose(feature.asnumpy(), expected, atol=1e-4)


def as_torchvision(name: str) -> Optional[str]:
    return name


def as_mindcv(name: str) -> Optional[str]:
    if name.endswith("num_batches_tracked"):
        return None
    if ".downsample." in name or "bn" in name:
        for theirs, ours in (
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
            ("bias", "beta"),
        ):
            name = name.replace(theirs, ours)
        if "downsample.0" not in name:
            name = name.replace("weight", "gamma")
    return name.replace("downsample", "down_sample").replace("fc.", "classifier.")


def as_model_zoo(name: str) -> Optional[str]:
    renamed = as_mindcv(name)
    if renamed is None:
        return None
    for i in (1, 2):
        renamed = renamed.replace(f"0.bn{i}.", f"0.bn{i}d.").replace(f"1.bn{i}.", f"1.bn{i}d.")
    return renamed.replace("down_sample", "down_sample_layer").replace("classifier.", "end_point.")


@pytest.mark.parametrize("naming", [as_torchvision, as_mindcv, as_model_zoo])
def test_a_resnet_of_any_naming_fills_both_stems_and_the_shared_layers(
    naming: Any, resnet18: Arrays
) -> None:
    given = {naming(name): value for name, value in resnet18.items() if naming(name)}
    given["momentum" if naming is as_model_zoo else "fc.bias"] = np.zeros((), np.float32)
    learner = small_learner()
    before = values_of(learner)
    report = fill(learner, given, "model.pretrained=a", for_training=True)
    after = values_of(learner)
    for stem in ("visible", "infrared"):
        at = f"backbone.{stem}"
        np.testing.assert_array_equal(after[f"{at}.conv1.weight"], resnet18["conv1.weight"])
        np.testing.assert_array_equal(after[f"{at}.bn1.gamma"], resnet18["bn1.weight"])
    for ours, theirs in (
        ("layer4.0.downsample.0.weight", "layer4.0.downsample.0.weight"),
        ("layer4.0.downsample.1.moving_variance", "layer4.0.downsample.1.running_var"),
        ("layer1.1.bn2.beta", "layer1.1.bn2.bias"),
        ("layer3.0.bn1.moving_mean", "layer3.0.bn1.running_mean"),
    ):
        np.testing.assert_array_equal(after[f"backbone.shared.{ours}"], resnet18[theirs])
    heads = [name for name in after if not name.startswith("backbone.")]
    assert [row.name for row in report.rows if row.what == "missing"] == heads
    for name in heads:
        np.testing.assert_array_equal(after[name], before[name])
    assert report.count("matched") + report.count("ignored") == len(given)
    assert report.count("matched") == 100


def test_the_stems_do_not_share_memory(resnet18: Arrays) -> None:
    learner = small_learner()
    fill(learner, resnet18, "a", for_training=True)
    visible, infrared = (
        learner.network.backbone.visible.conv1.weight,
        learner.network.backbone.infrared.conv1.weight,
    )
    ms.ops.assign(visible, Tensor(np.zeros(visible.shape, np.float32)))
    np.testing.assert_array_equal(infrared.asnumpy(), resnet18["conv1.weight"])


def test_an_authors_checkpoint_fills_every_parameter(original: Arrays) -> None:
    learner = small_learner()
    wrapped = {f"module.{name}": value for name, value in original.items()}  # DataParallel's
    report = fill(learner, wrapped, "a", for_training=False)
    after = values_of(learner)
    np.testing.assert_array_equal(after["graph.first.weight"][1], original["attention_1.W"])
    np.testing.assert_array_equal(after["graph.second.attention"][0], original["out_att.a"])
    np.testing.assert_array_equal(
        after["part.query.weight"], original["wpa.fc1.0.weight"][..., 0, 0]
    )
    np.testing.assert_array_equal(after["part.value.bias"], original["wpa.fc3.bias"])
    np.testing.assert_array_equal(after["part.bottleneck.gamma"], original["wpa.bottleneck.weight"])
    infrared = original["thermal_module.thermal.conv1.weight"]
    np.testing.assert_array_equal(after["backbone.infrared.conv1.weight"], infrared)
    assert report.count("missing") == 0
    assert {row.name for row in report.rows} == set(original)
    ignored = {row.name for row in report.rows if row.what == "ignored"}
    assert ignored == {name for name in original if is_dead(name) or "num_batches" in name}


def test_a_whole_ddag_serves_the_baseline_without_its_branches(original: Arrays) -> None:
    method, learner = small("baseline")
    report = weights.fill(learner, original, "a", names=method.names, for_training=False)
    given = translate(original, "a", NAMES).values
    for name, value in values_of(learner).items():
        np.testing.assert_array_equal(value, given[name], name)
    why = {row.name: row.why for row in report.rows if row.what == "ignored"}
    for name in original:
        if name.startswith(("attention_", "out_att")):
            assert why[name] == "the network has no graph attention"
        elif name.startswith("wpa.") and not is_dead(name) and "num_batches" not in name:
            assert why[name] == "the network has no IWPA"
    assert any("the network has no IWPA: wpa." in line for line in report.lines())
    assert report.count("missing") == 0


def test_every_row_of_a_report_says_why(original: Arrays) -> None:
    report = fill(small_learner(part=0), original, "a", for_training=False)
    assert all(row.why for row in report.rows)
    lines = report.lines()
    assert any("dead" in line and line.startswith("ignored") for line in lines)
    assert any("the network has no IWPA: wpa." in line for line in lines)


# Refusals -----------------------------------------------------------------------------------------


def test_a_shape_that_does_not_fit_is_refused_with_both_shapes(original: Arrays) -> None:
    assert_refused_unchanged(
        small_learner(part=2), original, "wpa.gate", "(3,)", "(2,)", "model.part=3"
    )


@pytest.mark.parametrize(
    ("depth", "backbone", "needles"),
    [
        (50, "resnet18", ("layer1.0.conv1.weight", "(64, 64, 1, 1)", "(64, 64, 3, 3)", "resnet50")),
        (18, "resnet50", ("layer1.0.conv1.weight", "(64, 64, 3, 3)", "(64, 64, 1, 1)", "resnet18")),
        (34, "resnet18", ("layer1.2.conv1.weight", "(64, 64, 3, 3)", "[3, 4, 6, 3]")),
    ],
)
def test_a_backbone_of_another_depth_is_refused(
    depth: int, backbone: str, needles: tuple[str, ...]
) -> None:
    given = {name: np.zeros(shape, np.float32) for name, shape in resnet_shapes(depth).items()}
    assert_refused_unchanged(small_learner(backbone=backbone), given, *needles)


def test_an_incomplete_backbone_is_refused(resnet18: Arrays) -> None:
    given = {name: value for name, value in resnet18.items() if name != "layer3.1.bn2.bias"}
    assert_refused_unchanged(small_learner(), given, "layer3.1.bn2.beta (256,) is missing")


def test_an_incomplete_branch_is_refused(original: Arrays) -> None:
    given = {name: value for name, value in original.items() if name != "wpa.fc2.bias"}
    assert_refused_unchanged(small_learner(), given, "part.key.bias (512,) is missing")
    given = {name: value for name, value in original.items() if name != "attention_0.W"}
    assert_refused_unchanged(small_learner(), given, "head 0 of graph.first.weight is missing")


@pytest.mark.parametrize(
    ("given", "needle"),
    [
        ({}, "holds no arrays"),
        (
            {"encoder.weight": np.zeros(3, np.float32)},
            "encoder.weight: neither a ResNet nor a two-stream network",
        ),
        (
            {"layer1.0.se.fc1.weight": np.zeros(3, np.float32)},
            "layer1.0.se.fc1.weight is no part of the method or its ResNet",
        ),
        ({"layer1.0.conv1.weight": np.zeros(3, np.int8)}, "holds int8"),
    ],
)
def test_weights_of_something_else_are_refused(given: Arrays, needle: str) -> None:
    assert_refused_unchanged(small_learner(), given, needle)


def test_a_weight_under_two_names_is_refused(resnet18: Arrays) -> None:
    given = {**resnet18, "bn1.gamma": resnet18["bn1.weight"]}
    assert_refused_unchanged(small_learner(), given, "bn1.gamma and bn1.weight")


def test_a_weight_that_is_not_finite_is_refused(resnet18: Arrays) -> None:
    given = {**resnet18, "bn1.bias": np.full(64, np.nan, np.float32)}
    assert_refused_unchanged(small_learner(), given, "bn1.bias holds nan")


def test_other_identities_are_drawn_anew_for_training_only(original: Arrays) -> None:
    learner = small_learner(identities=7)
    needles = ("classifier.weight", "(5, 512)", "(7, 512)", "5 identities")
    assert_refused_unchanged(learner, original, *needles, for_training=False)
    before = values_of(learner)
    report = fill(learner, original, "a", for_training=True)
    missing = [row.name for row in report.rows if row.what == "missing"]
    assert missing == ["classifier.weight", "graph.second.weight", "graph.second.attention"]
    for name in missing:
        np.testing.assert_array_equal(learner.parameters_dict()[name].asnumpy(), before[name])
    first = learner.objective.graph.first.weight.asnumpy()[0]
    np.testing.assert_array_equal(first, original["attention_0.W"])


def test_a_branch_that_the_file_lacks_is_drawn_anew_for_training_only(original: Arrays) -> None:
    bare = {
        name: value
        for name, value in original.items()
        if not name.startswith(("wpa", "attention_", "out_att"))
    }
    report = fill(small_learner(), bare, "a", for_training=True)
    missing = {row.name.split(".")[0] for row in report.rows if row.what == "missing"}
    assert missing == {"part", "graph"}
    assert_refused_unchanged(small_learner(), bare, "part.gate (3,) is missing", for_training=False)
    # Evaluation does not use graph attention.
    report = fill(small_learner(part=0), bare, "a", for_training=False)
    assert {row.name.split(".")[0] for row in report.rows if row.what == "missing"} == {"graph"}


def test_a_resnet_alone_is_refused_for_evaluation(resnet18: Arrays) -> None:
    assert_refused_unchanged(
        small_learner(), resnet18, "bottleneck.", "model.pretrained", for_training=False
    )


# Stages of each modality's own --------------------------------------------------------------------


@pytest.mark.parametrize("private", [1, 4])
def test_a_resnet_fills_the_private_stages_of_both_modalities(
    private: int, resnet18: Arrays
) -> None:
    learner = small_learner(private_stages=private)
    report = fill(learner, resnet18, "a", for_training=True)
    after = values_of(learner)
    for number in range(1, 5):
        for holder in ("visible", "infrared") if number <= private else ("shared",):
            np.testing.assert_array_equal(
                after[f"backbone.{holder}.layer{number}.0.conv1.weight"],
                resnet18[f"layer{number}.0.conv1.weight"],
            )
    assert report.count("matched") == 100


def test_a_stage_that_a_file_shares_starts_both_private_ones(original: Arrays) -> None:
    learner = small_learner(private_stages=1)
    ours = translate(original, "a", NAMES).values
    for given in (original, ours):
        initialise(learner, 1, Ddag.rules)
        fill(learner, given, "a", for_training=True)
        after = values_of(learner)
        for holder in ("visible", "infrared"):
            name = f"backbone.{holder}.layer1.1.bn2.beta"
            np.testing.assert_array_equal(
                after[name], original["base_resnet.base.layer1.1.bn2.bias"]
            )


@pytest.mark.slow
@pytest.mark.parametrize("private", range(5))
def test_private_stages_go_out_by_the_authors_names_and_come_back(private: int) -> None:
    learner, back = small_learner(private_stages=private), small_learner(private_stages=private)
    initialise(back, 1, Ddag.rules)
    theirs = weights.original_state(learner, NAMES)
    for number in range(1, 5):
        stem = f"thermal_module.thermal.layer{number}.0.conv1.weight" in theirs
        assert stem == (number <= private)
        assert (f"base_resnet.base.layer{number}.0.conv1.weight" in theirs) != stem
    assert weights.infer_architecture(theirs, "a", NAMES)["private_stages"] == private
    assert weights.infer_architecture(values_of(learner), "a", NAMES)["private_stages"] == private
    report = fill(back, theirs, "a", for_training=False)
    assert report.count("missing") == 0
    for name, value in values_of(learner).items():
        np.testing.assert_array_equal(values_of(back)[name], value)


def test_private_stages_that_the_network_shares_are_refused() -> None:
    theirs = weights.original_state(small_learner(private_stages=1), NAMES)
    assert_refused_unchanged(small_learner(), theirs, "missing", "model.private_stages=1")


# What the network was -----------------------------------------------------------------------------


def test_the_architecture_is_read_from_the_shapes(original: Arrays, resnet18: Arrays) -> None:
    told = {
        "backbone": "resnet18",
        "private_stages": 0,
        "part": 3,
        "attention": Attention.paper,
        "graph": True,
        "low_dim": 8,
        "heads": 2,
        "identities": 5,
    }
    assert weights.infer_architecture(original, "a", NAMES) == told
    assert weights.infer_architecture(values_of(small_learner()), "a", NAMES) == told
    bare = values_of(small_learner(part=0, graph=False))
    told = {"backbone": "resnet18", "private_stages": 0, "part": 0, "graph": False, "identities": 5}
    assert weights.infer_architecture(bare, "a", NAMES) == told
    assert weights.infer_architecture(resnet18, "a", NAMES) == {**told, "identities": 0}


@pytest.mark.parametrize("attention", list(Attention))
def test_what_attends_between_parts_is_read_from_the_shapes(attention: Attention) -> None:
    given = values_of(small_learner(attention=attention.value))
    assert weights.infer_architecture(given, "a", NAMES)["attention"] == attention


def test_a_resnet_of_unknown_depth_has_no_architecture() -> None:
    given = {name: np.zeros(1, np.float32) for name in resnet_shapes(101)}
    with pytest.raises(InputError, match=r"\[3, 4, 23, 3\] blocks with three"):
        weights.infer_architecture(given, "a", NAMES)


@pytest.mark.parametrize("name", ["classifier.weight", "wpa.gate"])
def test_an_incomplete_file_has_no_architecture(name: str, original: Arrays) -> None:
    given = {each: value for each, value in original.items() if each != name}
    with pytest.raises(InputError, match="missing"):
        weights.infer_architecture(given, "a", NAMES)


# There and back -----------------------------------------------------------------------------------


def test_export_and_import_give_the_same_bits(tmp_path: Path) -> None:
    learner, path = small_learner(), tmp_path / "net.safetensors"
    weights.write_original(learner, path, NAMES)
    assert [each.name for each in tmp_path.iterdir()] == ["net.safetensors"]
    back = small_learner()
    initialise(back, 1, Ddag.rules)
    weights.load(back, path, source="a", names=NAMES, for_training=False)
    for name, value in values_of(learner).items():
        np.testing.assert_array_equal(back.parameters_dict()[name].asnumpy(), value)


def test_an_export_has_the_authors_names_shapes_and_types(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    weights.write_original(small_learner(), path, NAMES)
    state = weight_files.read(path, "a")
    shapes = {name: shape for name, shape in original_shapes(18).items() if not is_dead(name)}
    assert {name: value.shape for name, value in state.items()} == shapes
    for name, value in state.items():
        assert value.dtype == (np.int64 if name.endswith("num_batches_tracked") else np.float32)


def test_graph_attention_is_exported_with_the_objective_alone() -> None:
    learner = small_learner()
    state = weights.original_state(learner, NAMES)
    renamed = to_original(values_of(learner), NAMES)
    assert state.keys() == renamed.keys()
    for name, value in renamed.items():
        np.testing.assert_array_equal(state[name], value)
    of_graph = {name for name in state if name.startswith(("attention_", "out_att"))}
    assert of_graph == {f"{head}.{leaf}" for head in ("attention_0", "attention_1", "out_att")
                        for leaf in "Wa"}  # fmt: skip
    assert weights.original_state(learner.network, NAMES).keys() == state.keys() - of_graph


def test_an_export_leaves_an_earlier_file_whole_where_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="safetensors"):
        weights.write_original(small_learner(), tmp_path / "net.pth", NAMES)
    (tmp_path / "net.safetensors").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        weights.write_original(small_learner(), tmp_path / "net.safetensors", NAMES)
    assert [each.name for each in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_run_s_checkpoint_is_taken_without_its_progress(tmp_path: Path) -> None:
    learner, path = small_learner(), tmp_path / "last.ckpt"
    entries = [{"name": each.name, "data": each} for each in learner.get_parameters()]
    moment = Parameter(Tensor(np.ones(3, np.float32)), name="optimizer.moments.x")
    entries.append({"name": moment.name, "data": moment})
    entries.append({"name": "ddag.meta", "data": Tensor(np.frombuffer(b"{}", np.uint8))})
    entries.append({"name": "ddag.sha256", "data": Tensor(np.zeros(32, np.uint8))})
    ms.save_checkpoint(entries, str(path))
    back = small_learner(identities=5)
    initialise(back, 1, Ddag.rules)
    report = weights.load(back, path, source="a", names=NAMES, for_training=False)
    assert report.kind is Kind.OURS
    ignored = [row.name for row in report.rows if row.what == "ignored"]
    assert ignored == ["optimizer.moments.x", "ddag.meta", "ddag.sha256"]
    for name, value in values_of(learner).items():
        np.testing.assert_array_equal(back.parameters_dict()[name].asnumpy(), value)


def test_a_translated_resnet_is_a_backbone_of_ours(resnet18: Arrays) -> None:
    ours = translate(resnet18, "a", NAMES).values
    report = fill(small_learner(), ours, "a", for_training=True)
    assert report.kind is Kind.OURS


# Files --------------------------------------------------------------------------------------------


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as refusal:
        weight_files.read(path, f"model.pretrained={path}")
    assert str(refusal.value).startswith(f"model.pretrained={path}: ")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("ending", ["safetensors", "npz", "ckpt"])
def test_a_file_gives_its_arrays(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    arrays = {"conv1.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3)}
    write(path, arrays)
    read = weight_files.read(path, "a")
    assert set(read) == set(arrays)
    for name, value in arrays.items():
        np.testing.assert_array_equal(read[name], value)


def write(path: Path, arrays: Arrays) -> None:
    if path.suffix == ".safetensors":
        save_file(arrays, path)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        entries = [{"name": name, "data": Tensor(value)} for name, value in arrays.items()]
        ms.save_checkpoint(entries, str(path))


@pytest.mark.parametrize("ending", ["safetensors", "npz", "ckpt"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_refused(ending: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    write(path, {"conv1.weight": np.ones(1000, np.float32), "b": np.ones(1000, np.float32)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "get it anew" in refusal_of(path)


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, weight=np.array([{}], dtype=object))
    assert "Python objects" in refusal_of(path)
    np.savez(path, weight=np.array(["text"]))
    assert "weight holds <U4" in refusal_of(path)


def test_numbers_that_numpy_lacks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert "float32" in refusal_of(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"an image or so", bytes(100)])
def test_a_file_of_anything_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    refusal_of(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal_of(tmp_path / "a.pth")
    assert "is a folder" in refusal_of(tmp_path)
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert "is a pipe" in refusal_of(tmp_path / "pipe.ckpt")


def test_without_pytorch_a_pytorch_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "a.pth"
    path.write_bytes(b"\x80\x02}q\x00.")
    assert 'pip install -e ".[torch]"' in refusal_of(path)
