"""How much one client may ask for, and how many may wait at the same time."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

_REMEMBERED = 10_000  # clients, the latest; who is forgotten begins anew
_SECONDS = 60.0


class TooMuchError(Exception):
    """A client asked too often, or too many wait.

    Attributes:
        status: of HTTP.
        seconds: after which it may ask again.
    """

    def __init__(self, status: int, line: str, seconds: int) -> None:
        super().__init__(line)
        self.status, self.seconds = status, seconds


class Rate:
    """So much a minute for each client, all of it at once if it likes.

    For one thread, such as an event loop's.
    """

    def __init__(self, a_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(a_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # and when it was so

    def take(self, address: str, cost: float = 1.0) -> None:
        """Note that a client asks for something.

        Args:
            address: of the client.
            cost: what is asked for, in shares of what there is a minute.

        Raises:
            TooMuchError: it has had its share.
        """
        client, now = _client(address), self._clock()
        left, before = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - before) * self._most / _SECONDS)
        enough = left >= cost
        self._left[client] = (left - cost if enough else left, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        if not enough:
            seconds = int((cost - left) * _SECONDS / self._most) + 1
            line = f"rate: more than {self._most:g} searches a minute; wait {seconds} s"
            raise TooMuchError(429, line, seconds)


class Queue:
    """At most so many at the same time, those that wait included; for one thread."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Be one of them.

        Raises:
            TooMuchError: there are that many.
        """
        if self._held >= self._most:
            line = f"queue: {self._most} others are waiting; ask again in 2 s"
            raise TooMuchError(503, line, 2)
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1


def _client(address: str) -> str:
    """Who is meant by an address: of IPv6 one has a whole network of 2 ** 64 of them."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if number.version == 4:
        return address
    return str(ipaddress.ip_network((number, 64), strict=False))
