from __future__ import annotations

from pathlib import Path

import pytest

from ddag.machine import accelerators, environment
from ddag.machine.accelerators import CUDA, DRIVER, PLUG_IN

PROC = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it, whose devices, wheels and driver a test puts there."""
    (tmp_path / "dev").mkdir()
    monkeypatch.setattr(accelerators, "_DEV", tmp_path / "dev")
    monkeypatch.setattr(accelerators, "_PROC", tmp_path / "version")
    monkeypatch.setattr(accelerators, "ask", lambda *command: None)
    monkeypatch.setattr(environment, "cuda_folders", lambda: [tmp_path / "wheel"])
    for name in accelerators._TOOLKITS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_where_no_device_is_nothing_is_in_the_way(bare: Path) -> None:
    for found in (accelerators.look_for_gpus(), accelerators.look_for_ascends()):
        assert found.devices == found.troubles == []
        assert not found.is_worth_a_try


def test_a_gpu_without_libraries_has_a_remedy_for_each(bare: Path) -> None:
    (bare / "dev" / "nvidia0").touch()
    (bare / "dev" / "nvidiactl").touch()
    (bare / "version").write_text(PROC)
    found = accelerators.look_for_gpus()
    assert found.devices == [str(bare / "dev" / "nvidia0")]
    assert found.looked["driver"] == "535.104.05"
    driver, libraries = (line for line in found.troubles if "plug-in" not in line)
    assert driver.startswith(f"{DRIVER}: not found; install NVIDIA's driver")
    assert "pip install " in libraries
    assert all(wheel in libraries for wheel in CUDA.values())


def test_libraries_of_wheels_are_found(bare: Path) -> None:
    (bare / "dev" / "nvidia0").touch()
    (bare / "wheel").mkdir()
    for name in (*CUDA, DRIVER):
        (bare / "wheel" / name).touch()
    found = accelerators.look_for_gpus()
    assert [line for line in found.troubles if "plug-in" not in line] == []
    assert {found.looked[name] for name in CUDA} == {str(bare / "wheel")}


def test_what_the_driver_says_of_gpus_stands_for_them(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "NVIDIA A100, 535.104.05, 40960 MiB, 8.0\nNVIDIA A100, 535.104.05, 40960 MiB, 8.0"
    monkeypatch.setattr(accelerators, "ask", lambda *command: said)
    assert accelerators.look_for_gpus().devices == said.splitlines()


def test_an_ascend_without_its_toolkit_says_what_to_run(bare: Path) -> None:
    (bare / "dev" / "davinci0").touch()
    (bare / "dev" / "davinci_manager").touch()
    found = accelerators.look_for_ascends()
    assert found.devices == [str(bare / "dev" / "davinci0")]
    assert found.troubles[0].startswith("CANN: not found; ")
    assert "set_env.sh" in found.troubles[0]


def test_a_mindspore_without_a_plug_in_is_not_tried(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / "dev" / "nvidia0").touch()
    monkeypatch.setattr(accelerators, "_plug_in", lambda device: "")
    found = accelerators.look_for_gpus()
    assert not found.is_worth_a_try
    assert any('pip install -e ".[gpu]"' in line for line in found.troubles)
    assert PLUG_IN in found.looked
