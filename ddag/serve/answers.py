"""What goes wrong, answered by one line of JSON that says nothing of the server's insides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ddag.machine.errors import InputError
from ddag.machine.words import quoted, shortened
from ddag.serve.limits import TooMuchError
from ddag.serve.uploads import RefusedError


@dataclass(frozen=True)
class Refusal:
    """Why there is no other answer."""

    error: str


def add_handlers(app: FastAPI) -> None:
    """Have an application answer errors so."""
    for kind, handler in (
        (InputError, _input),
        (RefusedError, _refused),
        (TooMuchError, _too_much),
        (RequestValidationError, _invalid),
        (HTTPException, _http),
        (ClientDisconnect, _gone),
        (Exception, _bug),
    ):
        app.add_exception_handler(kind, handler)


def line(status: int, text: str, headers: Optional[dict[str, str]] = None) -> JSONResponse:
    """An answer that says why there is no other."""
    return JSONResponse({"error": shortened(text)}, status, headers)


async def _input(request: Request, error: Any) -> JSONResponse:
    return line(422, str(error))


async def _refused(request: Request, error: Any) -> JSONResponse:
    # What is left of an upload is not waited for.
    return line(error.status, str(error), {"connection": "close"})


async def _too_much(request: Request, error: Any) -> JSONResponse:
    return line(error.status, str(error), {"retry-after": str(error.seconds)})


async def _invalid(request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "request"
    given = first.get("input")
    shown = "" if given is None or first["type"] == "missing" else f"={quoted(str(given))}"
    return line(422, f"{shortened(name, 60)}{shown}: {first['msg']}; /docs lists what can be asked")


async def _http(request: Request, error: Any) -> JSONResponse:
    return line(error.status_code, f"{error.detail}: /docs lists what can be asked", error.headers)


async def _gone(request: Request, error: Any) -> JSONResponse:
    return line(400, "image: ended before it was whole; send it again")  # perhaps to nobody


async def _bug(request: Request, error: Any) -> JSONResponse:
    return line(500, "server: something went wrong; its log says what")
