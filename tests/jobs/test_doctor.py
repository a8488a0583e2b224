from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from typed import only_run, parse, type_in

from ddag.jobs import doctor
from ddag.machine import accelerators, environment, memory, packages
from ddag.machine.accelerators import PLUG_IN, Found
from ddag.training import trial
from ddag.training.trial import Outcome

STEP = Outcome(compiling=9.0, step=0.5, loss=6.5)
NOTHING = Found([], {"devices": "", PLUG_IN: ""})
GPU = Found(["NVIDIA A100"], {"devices": "NVIDIA A100", PLUG_IN: "libmindspore_gpu.so"})


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without accelerators and troubles."""
    monkeypatch.setattr(accelerators, "look_for_gpus", lambda: NOTHING)
    monkeypatch.setattr(accelerators, "look_for_ascends", lambda: NOTHING)
    monkeypatch.setattr(packages, "troubles", list)
    monkeypatch.setattr(memory, "available", lambda: int(16e9))
    monkeypatch.setattr(environment, "has_avx512", lambda: False)


def examine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, Outcome], *words: str
) -> list[str]:
    """The troubles that the job finds where a device's step comes to its outcome."""
    monkeypatch.setattr(trial, "attempt", lambda given: outcomes[given[0]])
    doctor.run(parse("job=doctor", *words), folder, [])
    told: list[str] = json.loads((folder / doctor.NAME).read_text())["troubles"]
    return told


@pytest.mark.slow
@pytest.mark.smoke
def test_this_machine_takes_a_step_and_the_job_says_so(tmp_path: Path) -> None:
    done = type_in(tmp_path, "job=doctor", "device.mode=pynative")
    assert "a small step" in done.stdout
    assert "CPU can be computed on" in done.stdout
    found = json.loads((only_run(tmp_path) / doctor.NAME).read_text())
    assert found["devices"]["CPU"]["works"]
    assert found["versions"]["numpy"]


@pytest.mark.usefixtures("sound")
def test_a_machine_without_trouble_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examine(tmp_path, monkeypatch, {"device=cpu": STEP}) == []
    printed = capsys.readouterr().out
    assert "CPU can be computed on; no troubles" in printed
    assert "500 ms, after 9 s of compiling; loss 6.500" in printed
    assert "not tried" in printed


@pytest.mark.usefixtures("sound")
def test_where_no_device_works_the_exit_code_is_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"
    failed = Outcome(error=said, said=f"Traceback\n{said}\n")
    with pytest.raises(SystemExit) as ended, caplog.at_level(logging.WARNING):
        examine(tmp_path, monkeypatch, {"device=cpu": failed})
    assert ended.value.code == 1
    (line,) = caplog.messages
    assert line.startswith("CPU: ImportError: libgomp")
    assert "apt-get install libgomp1" in line
    assert (tmp_path / "CPU.txt").read_text() == failed.said


@pytest.mark.usefixtures("sound")
def test_a_device_that_fails_beside_one_that_works_is_a_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerators, "look_for_gpus", lambda: GPU)
    failed = Outcome("ended by SIGSEGV", said="libfoo.so.1: cannot open shared object file")
    outcomes = {"device=cpu": STEP, "device=gpu": failed}
    (trouble,) = examine(tmp_path, monkeypatch, outcomes)
    assert trouble.startswith("GPU: ended by SIGSEGV; put libfoo.so.1 where")


@pytest.mark.usefixtures("sound")
def test_a_device_that_was_asked_for_and_is_not_there_is_a_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trouble,) = examine(tmp_path, monkeypatch, {"device=cpu": STEP}, "device=gpu")
    assert trouble == "device.target=GPU: there is none here; use device=cpu"


@pytest.mark.usefixtures("sound")
@pytest.mark.parametrize(("isa", "said"), [("AVX512_CORE", True), ("AVX2", False), (None, False)])
def test_avx512_where_mindspore_is_slow_with_it_is_a_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isa: str | None, said: bool
) -> None:
    monkeypatch.setattr(environment, "has_avx512", lambda: True)
    monkeypatch.setattr(environment, "is_slow_with_avx512", lambda: True)
    if isa:
        monkeypatch.setenv(environment.ISA, isa)
    else:
        monkeypatch.delenv(environment.ISA, raising=False)
    found = examine(tmp_path, monkeypatch, {"device=cpu": STEP})
    assert any(line.startswith(f"{environment.ISA}=AVX512_CORE") for line in found) == said


@pytest.mark.usefixtures("sound")
def test_little_memory_is_a_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: int(2e9))
    (trouble,) = examine(tmp_path, monkeypatch, {"device=cpu": STEP})
    assert trouble.startswith("memory=2.0 GB: ")
