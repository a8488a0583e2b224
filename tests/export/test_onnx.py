"""Networks as ONNX files: the features of onnxruntime are those of MindSpore."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import small
from mindspore import Tensor, nn

from ddag.data.normalising import normalise
from ddag.evaluation.extractor import FeatureStream
from ddag.export import cells, checking, networks, onnx_file
from ddag.export.graph import Graph, Value
from ddag.export.label import Label, labels
from ddag.export.onnx_file import OnnxFile
from ddag.machine.errors import InputError
from ddag.methods import METHODS
from ddag.methods.method import Method
from ddag.settings.choices import Modality
from ddag.training.learner import Learner

onnx = pytest.importorskip("onnx", reason="no onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="no onnxruntime")

ABC = "0123456789abcdef" * 4  # a SHA-256
QUICK: list[tuple[str, tuple[str, ...]]] = [("ddag", ()), ("agw", ()), ("hct", ())]
MORE: list[tuple[str, tuple[str, ...]]] = [
    ("baseline", ()),
    ("baseline", ("model.private_stages=2", "model.pooling=gem", "model.gem_exponent=4")),
    ("ddag", ("model.attention=uniform",)),
    ("ddag", ("model.part=0",)),
    ("ddag", ("model.backbone=resnet50",)),
    ("ddag_paper", ()),
    ("agw", ("model.non_local=half",)),
    ("agw", ("model.non_local=null",)),
    ("agw", ("model.backbone=resnet50",)),
    ("caj", ("model.private_stages=4",)),
]


def spread(learner: Learner) -> None:
    """Give what trains slowly, or starts at 0 or 1, a value of its own."""
    generator = np.random.default_rng(0)
    for each in learner.get_parameters():
        last = each.name.rpartition(".")[2]
        if ".non_local" in each.name and last == "gamma":
            values = generator.uniform(0.01, 0.02, each.shape)
        elif last in ("gamma", "moving_variance"):
            values = generator.uniform(0.5, 1.5, each.shape)
        elif last in ("beta", "bias", "moving_mean", "gate"):
            values = generator.normal(0, 0.1, each.shape)
        else:
            continue
        each.set_data(Tensor(values.astype(np.float32)))


def build(method: str, *words: str) -> tuple[Method[Any], Learner]:
    opened, learner = small(method, *words)
    spread(learner)
    return opened, learner


def people(modality: Modality) -> np.ndarray:
    return normalise(checking.draw_people(modality, height=64, width=32))


def expected(learner: Learner, modality: Modality, images: np.ndarray) -> list[np.ndarray]:
    stream = FeatureStream(learner.network, modality)
    return [each.asnumpy() for each in stream(Tensor(images))]


def largest_difference(
    folder: Path, method: str, words: Sequence[str], *, pixels: bool = False
) -> float:
    """Between MindSpore's features and those of the files, of one and of seven images at once."""
    opened, learner = build(method, *words)
    found = []
    for modality, label in labels(opened, ABC, pixels=pixels).items():
        path = folder / f"{modality}.onnx"
        onnx_file.write(path, learner.network, label)
        images = people(modality)
        ours, file = expected(learner, modality, images), OnnxFile(path, label)
        for count in checking.BATCHES:
            theirs = file(images[:count])
            found.append(checking.difference([each[:count] for each in ours], theirs))
    return max(found)


@pytest.mark.parametrize(("method", "words"), QUICK)
def test_a_file_gives_the_features_of_its_network(
    method: str, words: Sequence[str], tmp_path: Path
) -> None:
    assert largest_difference(tmp_path, method, words) < 5e-6


@pytest.mark.slow
@pytest.mark.parametrize(("method", "words"), MORE)
def test_a_file_of_any_other_network_does_so_too(
    method: str, words: Sequence[str], tmp_path: Path
) -> None:
    assert largest_difference(tmp_path, method, words) < 5e-6


def test_every_method_is_among_those_compared() -> None:
    assert set(METHODS.own) <= {method for method, _ in (*QUICK, *MORE)}


def test_a_file_can_take_pixels_and_normalise_them_itself(tmp_path: Path) -> None:
    assert largest_difference(tmp_path, "hct", (), pixels=True) < 5e-6
    session = onnxruntime.InferenceSession(tmp_path / "visible.onnx")
    (given,) = session.get_inputs()
    assert (given.type, given.shape) == ("tensor(uint8)", ["batch", 64, 32, 3])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Label]:
    """A file of the smallest network."""
    opened, learner = build("hct")
    label = labels(opened, ABC)[Modality.infrared]
    path = tmp_path_factory.mktemp("written") / "infrared.onnx"
    onnx_file.write(path, learner.network, label)
    return path, label


def test_a_file_says_what_it_is_and_how_images_are_prepared(written: tuple[Path, Label]) -> None:
    session = onnxruntime.InferenceSession(written[0])
    said = session.get_modelmeta().custom_metadata_map
    assert said == {
        "method": "hct",
        "modality": "infrared",
        "features": "feat",
        "height": "64",
        "width": "32",
        "mean": "0.485,0.456,0.406",
        "deviation": "0.229,0.224,0.225",
        "input": "RGB / 255, less mean, over deviation",
        "checkpoint_sha256": ABC,
    }
    assert [each.name for each in session.get_inputs()] == ["images"]
    assert [each.name for each in session.get_outputs()] == ["feat"]
    assert session.get_inputs()[0].shape == ["batch", 3, 64, 32]


def test_a_file_of_another_checkpoint_is_refused(written: tuple[Path, Label]) -> None:
    path, label = written
    other = Label(**{**vars(label), "checkpoint": "f" * 64})
    with pytest.raises(InputError, match="checkpoint_sha256 is 0123"):
        OnnxFile(path, other)


def foreign(kind: str, path: Path, written: tuple[Path, Label]) -> None:
    """Put at ``path`` what is no file of ours."""
    content = written[0].read_bytes()
    model = onnx.load_model_from_string(content)
    if kind == "empty":
        content = b""
    elif kind == "noise":
        content = np.random.default_rng(0).bytes(5000)
    elif kind == "cut off":
        content = content[: len(content) // 2]
    elif kind == "unlabelled":
        del model.metadata_props[:]
        content = model.SerializeToString()
    elif kind == "weights elsewhere":
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")
        content = model.SerializeToString()
    elif kind == "unknown operator":
        model.graph.node[0].op_type = "Nonsense\x1b[31m"
        content = model.SerializeToString()
    elif kind == "other output":
        model.graph.node[-1].output[0] = model.graph.output[0].name = "nothing"
        content = model.SerializeToString()
    path.write_bytes(content)


@pytest.mark.parametrize(
    "kind",
    ["empty", "noise", "cut off", "unlabelled", "weights elsewhere", "unknown operator",
     "other output"],
)  # fmt: skip
def test_a_foreign_file_is_refused_in_a_line_with_its_name(
    kind: str, tmp_path: Path, written: tuple[Path, Label], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "infrared.onnx"
    foreign(kind, path, written)
    with pytest.raises(InputError) as refused:
        OnnxFile(path, written[1])(people(Modality.infrared))
    said = str(refused.value)
    assert str(path) in said
    assert said.isprintable()
    assert len(said) < 500
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_the_files_is_refused(tmp_path: Path, written: tuple[Path, Label]) -> None:
    with pytest.raises(InputError, match=r"visible\.onnx: no such file"):
        onnx_file.open_folder(tmp_path, {Modality.visible: written[1]})


def test_a_cell_without_a_counterpart_is_named() -> None:
    images = Value("images", (3, 64, 32))
    with pytest.raises(InputError, match="no ONNX of Flatten"):
        cells.write(nn.Flatten(), Graph(), images)
    with pytest.raises(InputError, match="no ONNX of Cell"):
        networks.embed(nn.Cell(), Graph(), images)
    with pytest.raises(InputError, match="pad_mode=same"):
        cells.write(nn.Conv2d(3, 4, 3), Graph(), images)
