"""PyTorch's files; the rest of reading is in test_weights.py."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import small

from ddag.machine.errors import InputError
from ddag.weights import files as weight_files
from ddag.weights import filling

torch = pytest.importorskip("torch")

FORMATS = [pytest.param(True, id="zip"), pytest.param(False, id="old")]


def save(content: Any, path: Path, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def state() -> dict[str, Any]:
    return OrderedDict(
        {
            "conv1.weight": torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)),
            "bn1.num_batches_tracked": torch.tensor(7),
        }
    )


def assert_is_state(arrays: dict[str, np.ndarray]) -> None:
    assert list(arrays) == ["conv1.weight", "bn1.num_batches_tracked"]
    np.testing.assert_array_equal(arrays["conv1.weight"], np.arange(6.0).reshape(2, 3))
    assert arrays["conv1.weight"].dtype == np.float32
    assert arrays["bn1.num_batches_tracked"] == 7


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as refusal:
        weight_files.read(path, f"model.pretrained={path}")
    assert str(refusal.value).startswith(f"model.pretrained={path}: ")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("zipped", FORMATS)
@pytest.mark.parametrize("ending", ["pth", "t", "pt", "tar"])
def test_a_state_dict_is_read_in_both_formats(zipped: bool, ending: str, tmp_path: Path) -> None:
    path = save(state(), tmp_path / f"a.{ending}", zipped=zipped)
    assert_is_state(weight_files.read(path, "a"))


@pytest.mark.parametrize("zipped", FORMATS)
@pytest.mark.parametrize(
    "scores",
    [np.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype=np.float32), np.float64(0.5), 0.5],
    ids=["array", "array32", "scalar", "float"],
)
def test_an_authors_checkpoint_is_read_with_its_scores_left_out(
    zipped: bool, scores: Any, tmp_path: Path
) -> None:
    checkpoint = {"net": state(), "cmc": scores, "mAP": np.float64(0.3), "epoch": 61}
    path = save(checkpoint, tmp_path / "net.t", zipped=zipped)
    assert_is_state(weight_files.read(path, "a"))


def test_scores_pickled_by_an_older_numpy_are_left_out(tmp_path: Path) -> None:
    path = save({"cmc": np.ones(3), "net": state()}, tmp_path / "a.t", zipped=False)
    content = path.read_bytes()
    if b"numpy._core.multiarray" in content:
        content = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    else:
        content = content.replace(b"numpy.core.multiarray", b"numpy._core.multiarray")
    path.write_bytes(content)
    assert_is_state(weight_files.read(path, "a"))


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_wrapped_state_dict_is_found(wrapper: str, tmp_path: Path) -> None:
    path = save({wrapper: state(), "epoch": 3, "optimizer": {}}, tmp_path / "a.pth")
    assert_is_state(weight_files.read(path, "a"))


def test_other_float_types_become_float32(tmp_path: Path) -> None:
    tensors = {"half": torch.ones(2).half(), "brain": torch.ones(2).bfloat16()}
    arrays = weight_files.read(save(tensors, tmp_path / "a.pth"), "a")
    assert {value.dtype for value in arrays.values()} == {np.dtype(np.float32)}


class RunsCode:
    """Leaves a file where it is opened carelessly."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("zipped", FORMATS)
def test_a_file_that_would_run_code_is_refused_and_does_not(zipped: bool, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = save({"net": state(), "cmc": RunsCode(trace)}, tmp_path / "a.t", zipped=zipped)
    assert "posix.system" in refusal_of(path)
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    assert "torch.nn.modules.linear.Linear" in refusal_of(
        save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    )


def test_reading_permits_nothing_beyond_itself(tmp_path: Path) -> None:
    before = torch.serialization.get_safe_globals()
    weight_files.read(save(state(), tmp_path / "a.pth"), "a")
    assert torch.serialization.get_safe_globals() == before


@pytest.mark.parametrize("zipped", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_refused(zipped: bool, share: float, tmp_path: Path) -> None:
    path = save({"a": torch.ones(1000), "b": torch.ones(1000)}, tmp_path / "a.pth", zipped=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refusal_of(path)


@pytest.mark.parametrize("content", [3, [torch.ones(2)], torch.ones(2)], ids=repr)
def test_a_file_without_named_weights_is_refused(content: Any, tmp_path: Path) -> None:
    assert "instead of weights by name" in refusal_of(save(content, tmp_path / "a.pth"))


def test_a_pytorch_that_is_not_safe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(state(), tmp_path / "a.pth")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    assert "2.5.1" in refusal_of(path)


@pytest.mark.parametrize("method", ["agw", "caj"])
def test_an_authors_checkpoint_goes_in_and_comes_out_the_same(method: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    opened, learner = small(method)
    state = {
        name: torch.from_numpy(np.array(value))
        for name, value in filling.original_state(learner, opened.names).items()
    }
    dead = {"base_resnet.base.conv1.weight": torch.zeros(64, 3, 7, 7)}
    given = {"net": OrderedDict({**state, **dead}), "cmc": np.ones(3), "mAP": 0.5, "epoch": 3}
    path = save(given, tmp_path / "agw.t")
    _, other = small(method, seed=1)
    filling.load(other, path, source="a", names=opened.names, for_training=False)
    filling.write_original(other, tmp_path / "out.safetensors", opened.names)
    written = load_file(tmp_path / "out.safetensors")
    assert written.keys() == state.keys()
    for name, value in state.items():
        assert torch.equal(written[name], value), name


def test_a_pickle_of_another_protocol_is_refused_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(b"\x80\x04.")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        refusal_of(path)
    assert not said
