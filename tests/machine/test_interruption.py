from __future__ import annotations

import os
import signal

import pytest

from ddag.machine.interruption import Stopped, listening


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
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


def test_sigusr1_asks_to_save_only() -> None:
    with listening() as requests:
        os.kill(os.getpid(), signal.SIGUSR1)
        requests.obey()
        assert requests.save
