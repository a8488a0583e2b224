"""A network out to files, and a test set ranked by them."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from typed import evaluate, only_run, parse, read_result, type_in

from ddag.export import onnx_file
from ddag.jobs import export
from ddag.machine.errors import InputError
from ddag.settings.settings import Settings

with_onnx = pytest.mark.skipif(
    not (importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime")),
    reason="no onnx",
)


def settings(checkpoint: Path, target: Path, *words: str) -> Settings:
    quick = ["job=export", "device.mode=pynative", f"checkpoint={checkpoint}"]
    return parse(*quick, f"job.target={target}", *words)


@with_onnx
def test_files_of_both_modalities_lie_beside_their_card(
    regdb_checkpoint: Path, tmp_path: Path
) -> None:
    export.run(settings(regdb_checkpoint, tmp_path), tmp_path, [])
    assert {each.name for each in tmp_path.iterdir()} == {
        "visible.onnx", "infrared.onnx", "onnx.md",
    }  # fmt: skip
    card = (tmp_path / "onnx.md").read_text()
    for each in (regdb_checkpoint, tmp_path / "visible.onnx", tmp_path / "infrared.onnx"):
        assert hashlib.sha256(each.read_bytes()).hexdigest() in card


@with_onnx
def test_a_file_whose_features_differ_is_refused_and_none_is_left(
    regdb_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = onnx_file.OnnxFile.__call__

    def wrongly(self: onnx_file.OnnxFile, images: np.ndarray) -> list[np.ndarray]:
        return [each + np.float32(2e-4) for each in run(self, images)]

    monkeypatch.setattr(onnx_file.OnnxFile, "__call__", wrongly)
    with pytest.raises(InputError, match=r"visible\.onnx: not written: .* by 2\.0e-04"):
        export.run(settings(regdb_checkpoint, tmp_path), tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_half_precision_is_refused(regdb_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^device\.precision=fp16: files are written in float32"):
        export.run(settings(regdb_checkpoint, tmp_path, "device.precision=fp16"), tmp_path, [])


def test_without_the_packages_the_command_that_installs_them_is_said(
    regdb_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[export\]"'):
        export.run(settings(regdb_checkpoint, tmp_path), tmp_path, [])


@pytest.mark.slow
@with_onnx
@pytest.mark.parametrize("pixels", ["true", "false"])
def test_a_test_set_ranked_by_the_files_has_the_checkpoints_scores(
    pixels: str, regdb_checkpoint: Path, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    words = [f"checkpoint={regdb_checkpoint}", f"job.target={files}", f"job.pixels={pixels}"]
    type_in(tmp_path, "job=export", *words)
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    evaluate(tmp_path / "ours", regdb_checkpoint, "job.flip=true")
    evaluate(tmp_path / "theirs", regdb_checkpoint, "job.flip=true", f"job.exported={files}")
    ours, theirs = (read_result(tmp_path / each) for each in ("ours", "theirs"))
    assert theirs["metrics"] == ours["metrics"]
    assert theirs["protocol"] == {**ours["protocol"], "features_of": "onnx"}
    (files / "visible.onnx").write_bytes(b"\x08\x08")
    done = evaluate(tmp_path, regdb_checkpoint, f"job.exported={files}", code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "visible.onnx: is no network that job=export wrote" in line


@pytest.mark.slow
@pytest.mark.parametrize("pixels", ["true", "false"])
def test_mindir_files_are_run_by_a_process_of_their_own(
    pixels: str, regdb_checkpoint: Path, tmp_path: Path
) -> None:
    words = ["job.format=mindir", f"job.target={tmp_path / 'files'}", f"job.pixels={pixels}"]
    done = type_in(tmp_path, "job=export", f"checkpoint={regdb_checkpoint}", *words)
    assert "differ by" in done.stdout
    names = {each.name for each in (tmp_path / "files").iterdir()}
    assert names == {"visible.mindir", "infrared.mindir", "mindir.md"}
    assert (only_run(tmp_path) / ".hydra").is_dir()
