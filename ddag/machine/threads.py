"""Work on many things in threads, a bounded number ahead of who asks for the results."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_WORKERS = min(8, os.cpu_count() or 1)
_AHEAD = 4 * _WORKERS  # results that nobody asked for yet: bounds memory, and how long a stop takes
Given = TypeVar("Given")
Result = TypeVar("Result")


def in_threads(work: Callable[[Given], Result], given: Iterable[Given]) -> Iterator[Result]:
    """What ``work`` gives for each, in their order.

    It pays where the work lets other threads run, as Pillow does while it decodes or resizes.

    Raises:
        Exception: whatever ``work`` raises, in its turn.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for each in given:
            waiting.append(pool.submit(work, each))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
