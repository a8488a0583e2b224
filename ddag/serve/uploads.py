"""What a client sends: its bytes, bounded in number and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Optional

from ddag.machine.words import quoted

SECONDS = 30.0  # that an upload may take
_BINARY = "application/octet-stream"


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


def refuse_type(given: Optional[str]) -> None:
    """Refuse what does not call itself an image; what it is, its content says.

    Raises:
        RefusedError: it calls itself something else, such as a form.
    """
    kind = (given or _BINARY).partition(";")[0].strip().lower()
    if kind != _BINARY and not kind.startswith("image/"):
        raise RefusedError(
            415,
            f"content-type={quoted(kind)}: is no image; send the bytes of one as the body, as"
            f" image/jpeg or {_BINARY}",
        )


async def read(
    chunks: AsyncIterator[bytes], said: Optional[str], *, most: int, seconds: float = SECONDS
) -> bytes:
    """The body of a request.

    Args:
        chunks: of it, as they come.
        said: the header that says how many bytes it has.
        most: bytes that it may have.
        seconds: that it may take.

    Raises:
        RefusedError: it is larger or takes longer.
    """
    too_large = RefusedError(413, f"image: holds more than {most >> 20} MB; send a smaller one")
    if said is not None and said.isdecimal() and (len(said) > 18 or int(said) > most):
        raise too_large

    async def collect() -> bytes:
        held = bytearray()
        async for chunk in chunks:
            held += chunk
            if len(held) > most:
                raise too_large
        return bytes(held)

    try:
        return await asyncio.wait_for(collect(), seconds)
    except asyncio.TimeoutError as error:
        line = f"image: did not arrive within {seconds:g} s; send a smaller one"
        raise RefusedError(408, line) from error
