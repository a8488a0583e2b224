from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ddag.training import trial

ANSWER = '{"error": "", "compiling": 9.0, "step": 0.5, "loss": 6.5, "said": ""}'


def end(monkeypatch: pytest.MonkeyPatch, code: int, printed: str, answer: str = "") -> None:
    """Have the process end so."""

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        if answer:
            Path(command[3]).write_text(answer)
        return subprocess.CompletedProcess(command, code, stdout=printed.encode())

    monkeypatch.setattr(subprocess, "run", run)


def test_a_step_that_was_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    end(monkeypatch, 0, "", ANSWER)
    outcome = trial.attempt(["device=cpu"])
    assert outcome.works
    assert (outcome.compiling, outcome.step, outcome.loss) == (9.0, 0.5, 6.5)


@pytest.mark.parametrize(
    ("code", "printed", "error"),
    [
        (-11, "", "ended by SIGSEGV"),
        (-6, "one\nterminate called\n", "ended by SIGABRT: terminate called"),
        (3, "", "ended by exit code 3"),
    ],
)
def test_a_process_that_crashes_is_an_outcome(
    monkeypatch: pytest.MonkeyPatch, code: int, printed: str, error: str
) -> None:
    end(monkeypatch, code, printed)
    outcome = trial.attempt(["device=cpu"])
    assert not outcome.works
    assert outcome.error == error
    assert outcome.said == printed


def test_a_process_that_hangs_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **how: Any) -> None:
        raise subprocess.TimeoutExpired(command, how["timeout"], output=b"waiting")

    monkeypatch.setattr(subprocess, "run", run)
    outcome = trial.attempt([])
    assert outcome.error == "no answer after 600 s"
    assert outcome.said == "waiting"


@pytest.mark.parametrize("words", [["device.target=Ascend"], ["device.id=-1"], ["device=none"]])
def test_whatever_goes_wrong_in_the_process_is_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_at_once(code: int) -> None:
        raise SystemExit(code)

    answer = tmp_path / "answer.json"
    people = f"dataset.root={tmp_path / 'people'}"
    monkeypatch.setattr("sys.argv", ["trial", str(answer), *trial.WORDS, people, *words])
    monkeypatch.setattr(os, "_exit", end_at_once)
    with pytest.raises(SystemExit):
        trial.main()
    outcome = trial._outcome(answer, 0, "")
    assert not outcome.works
    assert outcome.error
    assert "\n" not in outcome.error
