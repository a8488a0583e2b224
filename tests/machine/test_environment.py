from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ddag.machine import environment
from ddag.machine.errors import InputError


def test_a_missing_mindspore_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -e"):
        environment.prepare()


def test_cuda_wheels_are_loaded_whatever_needs_which_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a_solver", "blas", "fft"):
        (tmp_path / name / "lib").mkdir(parents=True)
        (tmp_path / name / "lib" / f"lib{name}.so.11").touch()
    loaded: list[str] = []

    def load(library: Path) -> bool:
        if library.name == "liba_solver.so.11" and "libblas.so.11" not in loaded:
            return False
        loaded.append(library.name)
        return True

    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(environment, "version", lambda name: "1.10.0")
    monkeypatch.setattr(environment, "_load", load)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/before")
    environment.prepare()
    assert sorted(loaded) == ["liba_solver.so.11", "libblas.so.11", "libfft.so.11"]
    paths = os.environ["LD_LIBRARY_PATH"].split(os.pathsep)
    assert paths[-1] == "/before"
    assert str(tmp_path / "blas" / "lib") in paths


def test_a_library_that_cannot_be_loaded_does_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken" / "lib").mkdir(parents=True)
    (tmp_path / "broken" / "lib" / "libbroken.so").write_text("no library")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(environment, "version", lambda name: "1.10.0")
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    environment.prepare()


@pytest.mark.parametrize(
    ("version", "avx512", "given", "expected"),
    [
        ("2.10.0", True, None, "AVX2"),
        ("2.9.0", True, None, "AVX2"),
        ("2.8.0", True, None, None),
        ("2.10.0", False, None, None),
        ("2.10.0", True, "AVX512_CORE", "AVX512_CORE"),
    ],
)
def test_avx512_is_left_alone_only_where_mindspore_is_slow_with_it(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    avx512: bool,
    given: str | None,
    expected: str | None,
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if given:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", given)
    versions = {"mindspore": version, "mindspore-gpu": ""}
    monkeypatch.setattr(environment, "version", versions.__getitem__)
    monkeypatch.setattr(environment, "has_avx512", lambda: avx512)
    environment.prepare()
    assert os.environ.pop("ONEDNN_MAX_CPU_ISA", None) == expected
