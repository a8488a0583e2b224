from __future__ import annotations

import threading

import pytest

from ddag.machine import threads
from ddag.machine.threads import in_threads


def test_results_come_in_the_order_of_what_was_given() -> None:
    gate = threading.Event()

    def work(each: int) -> int:
        if each == 0:
            gate.wait(10)
        else:
            gate.set()
        return each * each

    assert list(in_threads(work, range(50))) == [each * each for each in range(50)]


def test_what_goes_wrong_is_raised_in_its_turn_and_ends_the_work() -> None:
    begun: list[int] = []

    def work(each: int) -> int:
        begun.append(each)
        return 1 // (3 - each)

    found = in_threads(work, range(1000))
    assert [next(found) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert len(begun) <= 4 + threads._AHEAD


def test_nothing_given_is_no_result() -> None:
    assert list(in_threads(str, [])) == []
