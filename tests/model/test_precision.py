"""Convolutions in half precision: which they are, and what becomes of the features."""

from __future__ import annotations

from typing import Any, Callable

import mindspore as ms
import numpy as np
import pytest
from learners import small
from mindspore import Tensor, nn
from typed import parse

from ddag.evaluation.extractor import FeatureStream
from ddag.machine.errors import InputError
from ddag.model import precision
from ddag.model.non_local import NonLocal
from ddag.settings.choices import Modality, Precision

HALF = "device.precision=fp16"


def images(count: int = 4) -> Tensor:
    drawn = np.random.default_rng(0).normal(size=(count, 3, 64, 32))
    return Tensor(drawn.astype(np.float32))


def features(method: str, *words: str) -> tuple[np.ndarray, ...]:
    """Test features of infrared images by a small network as it is drawn."""
    _, learner = small(method, *words)
    return tuple(
        each.asnumpy() for each in FeatureStream(learner.network, Modality.infrared)(images())
    )


@pytest.mark.smoke
def test_convolutions_alone_are_in_half_precision() -> None:
    _, learner = small("ddag", HALF)
    network, given = learner.network, {}

    # A function of its own for each: MindSpore 1.10 takes nothing else that can be called.
    def noting(kind: type) -> Callable[..., None]:
        def note(cell: Any, inputs: Any, output: Any) -> None:
            given.setdefault(kind, set()).add(output.dtype)

        return note

    for _, cell in network.cells_and_names():
        if isinstance(cell, (nn.Conv2d, nn.BatchNorm2d, nn.BatchNorm1d, nn.Dense, nn.ReLU)):
            cell.register_forward_hook(noting(type(cell)))
    feature_map = network.backbone(images(), images())
    network.embed(feature_map)
    assert feature_map.dtype == ms.float32
    assert given.pop(nn.Conv2d) == {ms.float16}
    assert set().union(*given.values()) == {ms.float32}
    assert {each.dtype for each in learner.get_parameters()} == {ms.float32}


@pytest.mark.slow
@pytest.mark.smoke
def test_features_are_within_a_hundredth_of_float32s(mode: str) -> None:
    for half, whole in zip(features("ddag", HALF), features("ddag")):
        assert half.dtype == np.float32
        assert 0 < np.abs(half - whole).max() < 1e-2


def test_non_local_blocks_stay_as_they_are() -> None:
    _, learner = small("agw", HALF)
    blocks = [each for _, each in learner.network.cells_and_names() if isinstance(each, NonLocal)]
    inside = {id(each) for block in blocks for _, each in block.cells_and_names()}
    assert inside
    touched = list(precision.layers(learner.network.backbone))
    assert not inside & set(map(id, touched))
    convolutions = sum(isinstance(each, nn.Conv2d) for each in touched)
    assert convolutions == 2 + 16 + 3  # stems, blocks, shortcuts


def test_nothing_is_touched_for_float32() -> None:
    _, learner = small("baseline")
    for _, cell in learner.network.cells_and_names():
        assert not {"fp16", "fp32", "bf16"} & cell.get_flags().keys()


@pytest.mark.parametrize("words", [["device.precision=bf16"], ["device.precision=half"]])
def test_what_the_cpu_cannot_do_is_refused_in_one_line(words: list[str]) -> None:
    with pytest.raises(InputError, match=r"^device\.precision") as refused:
        parse(*words)
    assert "\n" not in str(refused.value)


def test_a_mindspore_without_bfloat16_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(ms, "bfloat16", raising=False)
    with pytest.raises(InputError, match=r"^device\.precision=bf16: MindSpore .* has no bfloat16"):
        precision.lower(nn.SequentialCell([nn.Conv2d(3, 3, 1)]), Precision.bf16)


def test_on_another_device_bfloat16_is_accepted() -> None:
    assert parse("device=ascend", "device.precision=bf16").device.precision is Precision.bf16
