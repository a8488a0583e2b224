from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence

import pytest

from ddag.machine import output
from ddag.machine.interruption import Requeued, Stopped, held, listening


@pytest.fixture(autouse=True)
def _hangup() -> Iterator[None]:
    """Hang-ups are heard, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_obeyed_when_looked_at(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with listening() as requests:
        requests.obey()
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped) as stopped:
            requests.obey()
    assert stopped.value.code == code
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_acts_at_once() -> None:
    with listening():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_is_held_back_acts_at_the_end() -> None:
    done = []

    def work() -> None:
        with held():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all"]


def test_sigusr1_asks_to_save_only() -> None:
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGUSR1)
        requests.obey()
        assert requests.save


def test_a_schedulers_signal_is_handed_on_once_it_is_looked_at() -> None:
    handed: list[int] = []

    def start_again(number: int, _: object) -> None:
        handed.append(number)
        raise SystemExit(144)

    signal.signal(signal.SIGUSR2, start_again)
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGTERM)  # the end that it foretold
        assert requests.stop == signal.SIGUSR2  # heard, so that the state can be saved first
        assert not handed
        with pytest.raises(Requeued) as ending:
            requests.obey()
    assert (handed, ending.value.code) == ([signal.SIGUSR2], 144)
    assert signal.getsignal(signal.SIGUSR2) == start_again


def test_a_scheduler_that_refuses_to_start_a_run_again_says_why() -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("timed out too often")

    signal.signal(signal.SIGUSR2, refuse)
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGUSR2)
        with pytest.raises(RuntimeError, match="too often"):
            requests.obey()


def test_sigusr2_is_left_alone_where_no_scheduler_has_it() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    with listening():
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL


def test_a_second_hangup_still_leaves_the_time_to_save() -> None:
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert requests.stop == signal.SIGHUP


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGHUP)
        assert requests.stop is None
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_handler_that_another_took_is_taken_back() -> None:
    with listening() as requests:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        requests.listen()
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.stop == signal.SIGINT


def test_a_reader_that_went_away_asks_to_stop_as_sigpipe_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as requests:
        monkeypatch.setattr(output, "abandoned", lambda: True)
        requests.obey()
        requests.listen()
        with pytest.raises(Stopped) as stopped:
            requests.obey()
    assert stopped.value.code == 141


class Crew:
    """Stands for the other processes: what they have heard, and what this one has said."""

    def __init__(self) -> None:
        self.said: list[list[bool]] = []
        self.heard = [False] * 6

    def agree(self, flags: Sequence[bool]) -> list[bool]:
        self.said.append(list(flags))
        return [own or other for own, other in zip(flags, self.heard)]


def test_each_of_several_processes_hears_what_any_was_asked_for() -> None:
    crew = Crew()
    with listening(agree=crew.agree) as requests:
        os.kill(os.getpid(), signal.SIGUSR1)
        crew.heard = [False, False, True, False, False, False]
        requests.listen()
        assert crew.said == [[False] * 6, [True, *[False] * 5]]
        assert requests.save
        with pytest.raises(Stopped) as stopped:
            requests.obey()
    assert stopped.value.code == 143


def test_of_several_processes_none_leaves_before_all_have_come() -> None:
    crew = Crew()
    with listening(agree=crew.agree) as requests:
        requests.obey()
        assert len(crew.said) == 1  # the first look
        crew.heard = [False, True, *[False] * 4]
        requests.listen()
        with pytest.raises(Stopped):
            requests.obey()
    assert len(crew.said) == 3


@pytest.mark.parametrize(
    ("number", "asked"), [(signal.SIGTERM, (signal.SIGTERM, False)), (signal.SIGUSR1, (None, True))]
)
def test_what_one_of_several_processes_hears_after_a_look_is_for_the_next(
    number: int, asked: tuple[int | None, bool]
) -> None:
    crew = Crew()
    with listening(agree=crew.agree) as requests:
        requests.listen()
        os.kill(os.getpid(), number)
        requests.obey()
        assert (requests.stop, requests.save) == (None, False)
        requests.listen()
        assert (requests.stop, requests.save) == asked
        requests.listen()
        assert not requests.save  # what was saved is not asked for again
