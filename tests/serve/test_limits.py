"""How much a client may ask for, counted on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ddag.serve import limits, uploads
from ddag.serve.limits import Queue, Rate, TooMuchError


class Clock:
    """Stands still until it is moved on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(rate: Rate, address: str = "10.0.0.1", cost: float = 1.0) -> bool:
    try:
        rate.take(address, cost)
    except TooMuchError as error:
        return error.status != 429
    return True


def test_a_share_is_used_up_and_grows_again() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    assert [taken(rate) for _ in range(5)] == [True, True, True, False, False]
    clock.now = 19.9
    assert not taken(rate)
    clock.now = 20.1  # a third of a minute
    assert [taken(rate) for _ in range(2)] == [True, False]
    clock.now = 1000  # no more than a minute's share
    assert [taken(rate) for _ in range(5)] == [True, True, True, False, False]


def test_the_wait_that_is_told_is_enough() -> None:
    clock = Clock()
    rate = Rate(7, clock)
    assert all(taken(rate) for _ in range(7))
    with pytest.raises(TooMuchError) as refused:
        rate.take("10.0.0.1")
    clock.now += refused.value.seconds
    assert taken(rate)


def test_each_client_has_a_share_of_its_own() -> None:
    rate = Rate(1, Clock())
    assert [taken(rate, f"10.0.0.{host}") for host in (1, 2, 1)] == [True, True, False]
    # A machine has a whole network of addresses of IPv6.
    assert [taken(rate, f"2001:db8::{host}") for host in (1, 2)] == [True, False]
    assert taken(rate, "2001:db8:0:1::1")
    assert [taken(rate, "unix") for _ in range(2)] == [True, False]


def test_clients_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED", 3)
    rate = Rate(1, Clock())
    for host in range(10):
        assert taken(rate, f"10.0.0.{host}")
    assert len(rate._left) == 3
    assert not taken(rate, "10.0.0.9")


def test_a_queue_holds_so_many() -> None:
    queue = Queue(2)
    with queue.place(), queue.place(), pytest.raises(TooMuchError) as refused, queue.place():
        pass
    assert refused.value.status == 503
    with pytest.raises(ZeroDivisionError), queue.place():
        raise ZeroDivisionError
    with queue.place(), queue.place():
        pass


async def chunks(*given: bytes, pause: float = 0) -> AsyncIterator[bytes]:
    for each in given:
        await asyncio.sleep(pause)
        yield each


def test_a_body_is_read_up_to_its_most() -> None:
    assert asyncio.run(uploads.read(chunks(b"ab", b"c"), None, most=3)) == b"abc"
    for said in (None, "2", "4", "9" * 5000, "-1"):
        with pytest.raises(uploads.RefusedError) as refused:
            asyncio.run(uploads.read(chunks(b"ab", b"cd"), said, most=3))
        assert refused.value.status == 413


def test_a_body_that_trickles_is_not_waited_for() -> None:
    with pytest.raises(uploads.RefusedError, match=r"did not arrive within 0\.05 s") as refused:
        asyncio.run(uploads.read(chunks(b"a", b"b", pause=60), None, most=9, seconds=0.05))
    assert refused.value.status == 408
