"""One run in several processes of this machine: started, watched and ended together.

No MindSpore: the processes are children of this one, see ``ddag/worker.py``. None outlives it: the
system ends them where it ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Optional

from ddag.machine import sharing
from ddag.machine.errors import InputError, LostError
from ddag.machine.interruption import SAVE, STOP, Stopped
from ddag.machine.programs import with_this_package
from ddag.machine.run_folders import saved
from ddag.runs.workers import log_of
from ddag.settings.choices import Target
from ddag.settings.commands import override
from ddag.settings.endings import BAD_INPUT
from ddag.settings.plain import to_plain
from ddag.settings.settings import DeviceConfig, Settings

LONELY = 75  # exit code of a process that the others did not answer any more
_LOOK = 0.1  # seconds between two looks at the processes
_STILL = 10.0  # seconds after which a process that was stopped counts as lost
# Seconds in which the others have to come to where one has ended, by its exit code.
_PATIENCE = {LONELY: 2.0, BAD_INPUT: 3.0}
_MOST_PATIENCE = 30.0  # they may have to save
PROGRAM = ("-m", "ddag.worker")


def starts(device: DeviceConfig) -> bool:
    """Whether this process is to start those of a run, and is none of them itself."""
    return device.workers > 1 and not sharing.role()


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Have ``device.workers`` processes do the job; the score that the first one says.

    Args:
        settings: of the run.
        folder: the run folder.
        given: overrides of the command line.

    Raises:
        InputError: what a process refuses.
        LostError: one was killed, failed or does not answer; the others are ended.
        Stopped: a signal asked for it, which every process has obeyed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Crew(settings.device.workers, folder) as crew, crew.hearing():
        crew.start(settings, given)
        return crew.wait()


class Crew:
    """The processes of a run, and the one that they meet through."""

    def __init__(self, count: int, folder: Path) -> None:
        self._count, self._folder = count, folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self._answers: list[int] = []  # a pipe's end for each
        self._scheduler: Optional[subprocess.Popen[bytes]] = None
        self._still: dict[int, float] = {}  # since when a process has been stopped
        self._asked: Optional[int] = None
        self._hurried = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._kill()
        for answer in self._answers:
            os.close(answer)

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Pass on to the processes what asks to stop or to save; for the main thread only."""
        before = {number: signal.getsignal(number) for number in (*STOP, SAVE)}
        for number, handler in before.items():
            if handler != signal.SIG_IGN or number in (signal.SIGINT, SAVE):
                signal.signal(number, self._pass_on)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, settings: Settings, given: Sequence[str]) -> None:
        """Start all of them; arguments as of ``run``."""
        meeting = {
            sharing.COUNT: str(self._count),
            sharing.HOST: "127.0.0.1",
            sharing.PORT: str(free_port()),
        }
        with (self._folder / "scheduler.log").open("ab") as log:
            role = {sharing.ROLE: sharing.SCHEDULER, **meeting}
            self._scheduler = start_process({}, role, stdout=log, stderr=log)
        said = {"settings": to_plain(settings), "folder": str(self._folder), "given": list(given)}
        for index, processors in enumerate(_processors(settings.device)):
            place = {sharing.ROLE: sharing.WORKER, sharing.INDEX: str(index), **meeting}
            place[sharing.DEVICE] = str(index)
            answer, saying = os.pipe()
            self._answers.append(answer)
            brief = {**said, "processors": processors, "answer": saying, "command": sys.argv}
            self._workers.append(start_process(brief, place, pass_fds=(saying,)))
            os.close(saying)

    def wait(self) -> float:
        """Wait until all have ended, and see to it that they do once one has; as ``run``."""
        since: dict[int, float] = {}  # when a process was seen to have ended
        while None in (codes := [each.poll() for each in self._workers]):
            now = time.monotonic()
            for index, code in enumerate(codes):
                if code is not None:
                    since.setdefault(index, now)
            lost = self._lost(codes) or self._silent(codes, since)
            if lost or self._hurried or self._has_waited(codes, since):
                self._kill()
                break
            time.sleep(_LOOK)
        else:
            lost = self._lost(codes)
        return self._outcome([each.poll() for each in self._workers], lost)

    def _outcome(self, codes: Sequence[Optional[int]], lost: Optional[str]) -> float:
        """What came of it."""
        answers = [_read(answer) for answer in self._answers]
        if "score" in answers[0]:
            return float(answers[0]["score"])
        for answer in answers:
            if "error" in answer:
                raise InputError(answer["error"])
        if self._asked is not None:
            raise Stopped(self._asked)
        stopped = [code for code in codes if code is not None and code > 128]
        if lost is None and stopped:
            raise Stopped(stopped[0] - 128)
        raise LostError(lost or self._line(0, "waited for the others in vain"))

    def _lost(self, codes: Sequence[Optional[int]]) -> Optional[str]:
        """Which process is the reason that the run cannot go on, in a line; None for none."""
        if self._asked is not None:
            return None
        for index, code in enumerate(codes):
            if code is not None and code < 0:
                return self._line(index, f"was killed by {signal.Signals(-code).name}")
            if code is not None and code not in (0, BAD_INPUT, LONELY) and code <= 128:
                return self._line(index, f"ended with exit code {code}")
            if code is None and self._is_still(index):
                return self._line(index, f"has been stopped for {_STILL:.0f} s")
        ended = self._scheduler.poll() if self._scheduler else None
        if ended and all(code is None for code in codes):
            return (
                f"device.workers={self._count}: the process that the others meet through ended;"
                f" its log is {self._folder / 'scheduler.log'}{self._again()}"
            )
        return None

    def _silent(self, codes: Sequence[Optional[int]], since: Mapping[int, float]) -> Optional[str]:
        """Which process lets the others wait, where they say that one does."""
        lonely = [since[index] for index, code in enumerate(codes) if code == LONELY]
        if not lonely or time.monotonic() < min(lonely) + _PATIENCE[LONELY]:
            return None
        return self._line(list(codes).index(None), "does not answer the others")

    def _has_waited(self, codes: Sequence[Optional[int]], since: Mapping[int, float]) -> bool:
        """Whether the first has done or stopped, who alone leaves something, so that all is over.

        Or one has ended that the others should have followed by now.
        """
        first, now = codes[0], time.monotonic()
        if first == 0 or (first or 0) > 128:
            return True
        return any(
            now > when + _PATIENCE.get(codes[index] or 0, _MOST_PATIENCE)
            for index, when in since.items()
        )

    def _line(self, index: int, how: str) -> str:
        log = log_of(self._folder, index)
        return (
            f"device.workers={self._count}: worker {index} {how}; its log is {log}{self._again()}"
        )

    def _again(self) -> str:
        """What to type to resume the run, where there is something to resume."""
        if not saved(self._folder):
            return ""
        return f"; resume by {override('train.resume', self._folder)}"

    def _is_still(self, index: int) -> bool:
        """Whether a process has been stopped, as by SIGSTOP, for longer than a moment."""
        if _state(self._workers[index].pid) not in ("T", "t"):
            self._still.pop(index, None)
            return False
        now = time.monotonic()
        return now > self._still.setdefault(index, now) + _STILL

    def _pass_on(self, number: int, frame: Optional[FrameType]) -> None:
        """Have every process hear a signal. The second that asks to stop ends them at once."""
        if number != SAVE:
            self._hurried = self._asked is not None and number != signal.SIGHUP
            self._asked = self._asked or number
        for each in self._workers:
            each.send_signal(number)

    def _kill(self) -> None:
        """End what has not ended, and what it may have started."""
        every = [*self._workers, *([self._scheduler] if self._scheduler else [])]
        for each in every:
            if each.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(each.pid, signal.SIGKILL)
        for each in every:
            each.wait()


def start_process(
    brief: Mapping[str, Any], environment: Mapping[str, str], **how: Any
) -> subprocess.Popen[bytes]:
    """A process with a session of its own: what a terminal sends, this one passes on.

    Args:
        brief: what it reads.
        environment: beside this process's own.
        **how: of ``subprocess.Popen``.
    """
    process = subprocess.Popen(
        [sys.executable, *PROGRAM],
        env={**with_this_package(), **environment},
        stdin=subprocess.PIPE,
        start_new_session=True,
        **how,
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin:  # it may have ended already
        process.stdin.write(json.dumps({"parent": os.getpid(), **brief}).encode())
    return process


def _processors(device: DeviceConfig) -> list[list[int]]:
    """This process's processors, shared out; a process's own are none where it may use all."""
    chosen = device.threads is not None or device.target is Target.CPU
    if not chosen or not hasattr(os, "sched_getaffinity"):
        return [[] for _ in range(device.workers)]
    held = sorted(os.sched_getaffinity(0))
    each = max(1, len(held) // device.workers)
    return [
        [held[(index * each + place) % len(held)] for place in range(each)]
        for index in range(device.workers)
    ]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _read(answer: int) -> dict[str, Any]:
    """What a process that has ended had to say."""
    parts = []
    while part := os.read(answer, 1 << 16):
        parts.append(part)
    said: dict[str, Any] = json.loads(b"".join(parts) or b"{}")
    return said


def _state(process: int) -> str:
    """What the system says a process is doing, a letter; empty where it does not say."""
    with suppress(OSError):
        said = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return said.rpartition(")")[2].split()[0]
    return ""
