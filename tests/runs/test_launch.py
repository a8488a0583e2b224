"""Processes started, watched and ended; in their place stand small programs of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typed import REPOSITORY, parse

from ddag.machine import sharing
from ddag.machine.errors import InputError, LostError
from ddag.machine.interruption import Stopped
from ddag.runs import launch, workers
from ddag.settings.settings import Settings

# What each process of a run does, after it has read what it is to do; ``index`` says which it is.
HEAD = """
import json, os, signal, sys, time
from pathlib import Path
brief = json.load(sys.stdin)
if os.environ["MS_ROLE"] == "MS_SCHED":
    time.sleep(60)
index, folder = int(os.environ["MS_NODE_ID"]), Path(brief["folder"])
def answer(**said):
    os.write(brief["answer"], json.dumps(said).encode())
def wait():
    (folder / f"waiting_{index}").write_text(str(os.getpid()))
    time.sleep(60)
"""


def settings(count: int = 2) -> Settings:
    return parse(f"device.workers={count}")


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str, count: int = 2) -> float:
    """A run whose processes do what ``program`` says."""
    monkeypatch.setattr(launch, "PROGRAM", ("-c", HEAD + program))
    return launch.run(settings(count), folder, ["a=1"])


def once_waiting(folder: Path, count: int, number: int, to: int | None = None) -> None:
    """Send a signal to this process, or to one of the run's, once so many wait."""

    def send() -> None:
        while len(list(folder.glob("waiting_*"))) < count:
            time.sleep(0.01)
        time.sleep(0.1)  # what says that it waits has yet to begin
        of = os.getpid() if to is None else int((folder / f"waiting_{to}").read_text())
        os.kill(of, number)

    threading.Thread(target=send, daemon=True).start()


def is_gone(folder: Path, index: int) -> bool:
    process = int((folder / f"waiting_{index}").read_text())
    return not Path(f"/proc/{process}").exists()


def test_the_score_is_what_the_first_process_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(monkeypatch, tmp_path, "answer(score=0.25 + index)", 4) == 0.25


def test_each_process_is_told_its_place_its_processors_and_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = """
said = {name: os.environ[name] for name in ("MS_WORKER_NUM", "MS_SCHED_PORT", "DEVICE_ID")}
said.update(brief, pid=os.getpid(), session=os.getsid(0))
(folder / f"said_{index}.json").write_text(json.dumps(said))
answer(score=0)
"""
    run(monkeypatch, tmp_path, program)
    said = [json.loads((tmp_path / f"said_{index}.json").read_text()) for index in range(2)]
    assert [each["DEVICE_ID"] for each in said] == ["0", "1"]
    assert {each["MS_WORKER_NUM"] for each in said} == {"2"}
    assert said[0]["MS_SCHED_PORT"] == said[1]["MS_SCHED_PORT"]
    assert all(each["pid"] == each["session"] for each in said)
    assert said[0]["given"] == ["a=1"]
    assert said[0]["settings"]["device"]["workers"] == 2
    held = sorted(os.sched_getaffinity(0))
    if len(held) > 1:
        assert not {*said[0]["processors"]} & {*said[1]["processors"]}
        assert {*said[0]["processors"], *said[1]["processors"]} <= {*held}


def test_what_a_process_refuses_is_said_in_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = "answer(error='a=1: cannot be'); sys.exit(2)"
    with pytest.raises(InputError, match=r"^a=1: cannot be$") as caught:
        run(monkeypatch, tmp_path, program)
    assert not isinstance(caught.value, LostError)


def test_a_process_that_is_killed_ends_the_run_with_its_log_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    once_waiting(tmp_path, 2, signal.SIGKILL, to=1)
    with pytest.raises(LostError) as caught:
        run(monkeypatch, tmp_path, "wait()")
    assert "worker 1 was killed by SIGKILL" in str(caught.value)
    assert str(tmp_path / "worker_1.log") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert is_gone(tmp_path, 0)


def test_a_process_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(LostError, match=r"worker 1 ended with exit code 1; its log"):
        run(monkeypatch, tmp_path, "sys.exit(1) if index else wait()")


def test_a_process_that_is_stopped_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "_STILL", 0.3)
    once_waiting(tmp_path, 2, signal.SIGSTOP, to=1)
    with pytest.raises(LostError, match="worker 1 has been stopped"):
        run(monkeypatch, tmp_path, "wait()")
    assert is_gone(tmp_path, 0)
    assert is_gone(tmp_path, 1)


def test_a_process_that_lets_the_others_wait_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(launch._PATIENCE, launch.LONELY, 0.3)
    program = f"wait() if index == 1 else sys.exit({launch.LONELY})"
    with pytest.raises(LostError, match="worker 1 does not answer the others"):
        run(monkeypatch, tmp_path, program)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_and_the_run_ends_as_the_processes_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    program = f"""
signal.signal({int(number)}, lambda number, _: sys.exit(128 + number))
wait()
"""
    once_waiting(tmp_path, 2, number)
    with pytest.raises(Stopped) as caught:
        run(monkeypatch, tmp_path, program)
    assert caught.value.code == 128 + number


def test_a_second_signal_ends_processes_that_do_not_obey(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = "signal.signal(signal.SIGTERM, signal.SIG_IGN); wait()"
    for _ in range(2):
        once_waiting(tmp_path, 2, signal.SIGTERM)
        time.sleep(0.2)
    with pytest.raises(Stopped):
        run(monkeypatch, tmp_path, program)
    assert is_gone(tmp_path, 0)


def test_a_stop_that_only_a_process_was_asked_for_is_the_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Stopped) as caught:
        run(monkeypatch, tmp_path, "sys.exit(143)")
    assert caught.value.code == 143


def test_once_the_first_has_stopped_none_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "_MOST_PATIENCE", 3600)
    program = "(wait(), (folder / 'waited').touch()) if index else sys.exit(143)"
    with pytest.raises(Stopped) as caught:
        run(monkeypatch, tmp_path, program)
    assert caught.value.code == 143
    assert not (tmp_path / "waited").exists()


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    program = "from ddag.worker import _end_with; _end_with(brief['parent']); wait()"
    starting = f"""
from pathlib import Path
from ddag import composition
from ddag.runs import launch
launch.PROGRAM = ("-c", {HEAD + program!r})
launch.run(composition.compose(["device.workers=2"]), Path({str(tmp_path)!r}), [])
"""
    with subprocess.Popen([sys.executable, "-c", starting], cwd=REPOSITORY) as process:
        while len(list(tmp_path.glob("waiting_*"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        process.kill()
    end = time.monotonic() + 10
    while not (is_gone(tmp_path, 0) and is_gone(tmp_path, 1)):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_of_a_run_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.starts(settings().device)
    assert not launch.starts(parse().device)
    monkeypatch.setenv(sharing.ROLE, sharing.WORKER)
    assert not launch.starts(settings().device)


def test_processes_that_others_started_say_how_many_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ((sharing.ROLE, "MS_WORKER"), (sharing.COUNT, "2"), (sharing.INDEX, "1")):
        monkeypatch.setenv(name, value)
    assert workers.placed(parse()).device.workers == 2
    with pytest.raises(InputError, match=r"device.workers=4: MS_WORKER_NUM=2"):
        workers.placed(settings(4))
    with pytest.raises(InputError, match="job=check runs in one process"):
        workers.placed(parse("job=check"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["device.workers=0"], "use 1 to 1024"),
        (["device.workers=3"], "sampler.identities"),
        (["device.workers=2", "job=check"], "runs in one process"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(*words)
