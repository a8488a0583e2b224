"""Signals that ask a run to stop or to save, heard between its steps."""

from __future__ import annotations

import _thread
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Optional

from ddag.machine import output

log = logging.getLogger(__name__)

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAVE = signal.SIGUSR1
REQUEUE = signal.SIGUSR2  # a scheduler's, where it has a handler here that starts the run again
_ENDS = (*STOP, REQUEUE, signal.SIGPIPE)  # which a run ends with
# Of flags, which are up in any process of the run.
Agree = Callable[[Sequence[bool]], Sequence[bool]]


class Requeued(SystemExit):
    """The run's state is saved, and its scheduler starts it again."""


class Stopped(SystemExit):
    """The run was asked to stop, and its state is saved; exit code 128 + signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@dataclass
class Asked:
    """What a run is asked to do.

    Attributes:
        stop: the signal that asked to stop, or None; SIGPIPE where nobody reads what is printed.
        save: whether a checkpoint was asked for.
    """

    stop: Optional[int] = None
    save: bool = False


class Requests(Asked):
    """What has been asked for since the last look.

    Of several processes none acts on what it alone has heard: what comes after a look at what all
    have heard is for the next look, else one would stop where the others go on and wait for it.
    """

    def __init__(self, doing: str = "this step", agree: Optional[Agree] = None) -> None:
        """Say what is finished before a stop, and how several processes stop at the same step."""
        super().__init__()
        self._doing, self._agree = doing, agree
        self._heard = self if agree is None else Asked()
        self._requeue = signal.getsignal(REQUEUE)

    def hear(self, number: int, frame: Optional[FrameType]) -> None:
        """Note a signal. The same signal a second time acts at once, as if none heard it.

        But for SIGHUP: a terminal that is closed sends it, and the shell in it does, too.
        """
        if number == SAVE:
            self._heard.save = True
            return
        if self._heard.stop == REQUEUE:  # what comes after it is the end that it foretold
            return
        self._heard.stop = number
        if number == REQUEUE:
            log.warning(
                "The time is nearly up: stopping after %s, to be started again", self._doing
            )
            return
        if number == signal.SIGHUP:
            log.warning("The terminal is gone: stopping after %s", self._doing)
            return
        log.warning("Stopping after %s; the same again stops at once", self._doing)
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)

    def listen(self) -> None:
        """Take the signals over, also from MindSpore: its runtime makes a SIGTERM of a SIGINT.

        SIGHUP stays ignored where it is: nohup asks for that. SIGUSR2 is a scheduler's alone. Of
        several processes each then knows what any of them was asked for.
        """
        if self._heard.stop is None:
            self._take_over()
        if self._agree is not None:
            stop, save = self._heard.stop, self._heard.save
            self._heard.save = False
            self.save, *stops = self._agree([save, *(stop == each for each in _ENDS)])
            self.stop = next((number for number, asked in zip(_ENDS, stops) if asked), None)

    def _take_over(self) -> None:
        if callable(self._requeue):
            signal.signal(REQUEUE, self.hear)
        for number in (*STOP, SAVE):
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, self.hear)
        if output.abandoned():
            log.warning("Nobody reads what is printed any more: stopping after %s", self._doing)
            self._heard.stop = signal.SIGPIPE

    def obey(self) -> None:
        """Raise ``Stopped`` if that was asked for, or ``Requeued`` by a scheduler's handler.

        Several processes first wait until all have come here: one that others leave while it is in
        an exchange MindSpore ends by a SIGTERM of its own, before it has saved, or keeps waiting.
        """
        if self.stop is not None and self._agree is not None:
            self._agree([False] * (1 + len(_ENDS)))
        if self.stop == REQUEUE and callable(self._requeue):
            try:
                self._requeue(REQUEUE, None)
            except SystemExit as ending:
                raise Requeued(ending.code) from ending
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
def held() -> Iterator[None]:
    """Hold signals that ask to stop back until the end; for the main thread only.

    For an import: a module in C that an exception leaves half-made cannot be imported again, and
    MindSpore then ends the process as a crash.
    """
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in (*STOP, REQUEUE)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        handler = before[signal.Signals(heard[0])]
        if callable(handler):  # raised again, it would stay out where ``shield`` blocks it
            handler(heard[0], None)
        else:
            signal.raise_signal(heard[0])


@contextmanager
def listening(doing: str = "this step", agree: Optional[Agree] = None) -> Iterator[Requests]:
    """Note what asks to stop or to save instead of ending at once; for the main thread only.

    Args:
        doing: what is finished before a stop.
        agree: between several processes, which then all stop where one was asked to.
    """
    requests = Requests(doing, agree)
    before = {number: signal.getsignal(number) for number in (*STOP, SAVE, REQUEUE)}
    requests.listen()
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
