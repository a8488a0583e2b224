"""Signals that ask a run to stop or to save, heard between its steps."""

from __future__ import annotations

import _thread
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Optional

log = logging.getLogger(__name__)

STOP = (signal.SIGINT, signal.SIGTERM)
SAVE = signal.SIGUSR1


class Stopped(SystemExit):
    """The run was asked to stop, and its state is saved; exit code 128 + signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class Requests:
    """What has been asked for since the last look.

    Attributes:
        stop: the signal that asked to stop, or None.
        save: whether a checkpoint was asked for.
    """

    def __init__(self) -> None:
        self.stop: Optional[int] = None
        self.save = False

    def hear(self, number: int, frame: Optional[FrameType]) -> None:
        """Note a signal. The same signal a second time acts at once, as if none heard it."""
        if number == SAVE:
            self.save = True
            return
        self.stop = number
        log.warning("Stopping after this step; the same again stops at once")
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)

    def listen(self) -> None:
        """Take the signals over, also from MindSpore: its runtime makes a SIGTERM of a SIGINT."""
        if self.stop is None:
            for number in (*STOP, SAVE):
                signal.signal(number, self.hear)

    def obey(self) -> None:
        """Raise ``Stopped`` if that was asked for."""
        if self.stop is not None:
            raise Stopped(self.stop)


@cache
def shield() -> None:
    """Keep Ctrl-C from MindSpore, once a process; call it before MindSpore starts its threads.

    While a graph runs, MindSpore has a handler of its own that makes a SIGTERM of a SIGINT. Blocked
    in every thread, the signal reaches no handler of C's: a thread waits for it and has Python call
    what ``signal.signal`` was told.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        while True:
            signal.sigwait({signal.SIGINT})
            _thread.interrupt_main()

    threading.Thread(target=wait, name="Ctrl-C", daemon=True).start()


@contextmanager
def listening() -> Iterator[Requests]:
    """Note Ctrl-C, SIGTERM and SIGUSR1 instead of ending at once; for the main thread only."""
    requests = Requests()
    before = {number: signal.getsignal(number) for number in (*STOP, SAVE)}
    requests.listen()
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
