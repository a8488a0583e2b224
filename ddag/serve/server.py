"""An application served to this machine or to a network, until a signal asks to stop."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Callable, Optional, Union

import uvicorn

from ddag.machine import interruption
from ddag.machine.errors import InputError
from ddag.serve.guard import App

log = logging.getLogger(__name__)

VARIABLE = "DDAG_TOKEN"
_SHORTEST = 16  # letters of a token that someone chose
_CONNECTIONS = 1024
_PATIENCE = 10  # seconds for what is being answered when the server stops
_TURN = 0.2  # seconds between looks at what signals asked for


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address that nobody else listens at; it does not listen yet itself.

    Raises:
        InputError: there is no such address here, or it is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"job.host={host}: no address ({reason}); use 127.0.0.1") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise InputError(
            f"job.port={port}: {host} cannot be listened at ({error.strerror}); name another port"
            " or host"
        ) from error
    return bound


def is_own(bound: socket.socket) -> bool:
    """Whether only programs of this machine reach a socket."""
    return _number(bound).is_loopback


def names(host: str, bound: socket.socket) -> set[str]:
    """What this machine's programs may call a server that listens at a loopback address."""
    return {host.lower(), bound.getsockname()[0], "localhost"}


def choose_token(environment: Mapping[str, str] = os.environ) -> str:
    """The token that the environment names, or a new one.

    Raises:
        InputError: it is too short to be safe, or cannot be sent.
    """
    given = environment.get(VARIABLE)
    if given is None:
        return secrets.token_urlsafe(24)
    if len(given) < _SHORTEST or not (given.isascii() and given.isprintable()) or " " in given:
        raise InputError(
            f"{VARIABLE}: is no token; set {_SHORTEST} letters or more, of ASCII and without"
            " blanks, or leave it out for a new one"
        )
    return given


def address(bound: socket.socket, host: str, token: Optional[str]) -> str:
    """What to type into a browser; what stands behind # is sent to no server."""
    if _number(bound).is_unspecified:
        host = socket.gethostname()  # any of this machine's addresses
    name = f"[{host}]" if ":" in host else host
    secret = "" if token is None else f"#token={token}"
    return f"http://{name}:{bound.getsockname()[1]}/{secret}"


@contextmanager
def running(app: App, bound: socket.socket) -> Iterator[threading.Thread]:
    """Serve from a thread of its own, from the beginning of the block to its end.

    The thread ends by itself if the server cannot go on.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,  # who asked for whom is nobody's business
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_PATIENCE,
    )
    server = uvicorn.Server(config)
    # Signals are the main thread's, and are heard there as in every job.
    thread = threading.Thread(target=server.run, args=([bound],), name="server", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(_TURN / 10)
        yield thread
    finally:
        server.should_exit = True
        thread.join()


def serve(app: App, bound: socket.socket, begun: Callable[[], None] = lambda: None) -> None:
    """Serve until a signal asks to stop; for the main thread.

    Args:
        app: the application.
        bound: where it is asked.
        begun: called once it can be asked.

    Raises:
        Stopped: that was asked for, and what was being answered is.
        RuntimeError: the server ended by itself.
    """
    with interruption.listening("what is being answered") as requests:
        with running(app, bound) as thread:
            begun()
            while requests.stop is None and thread.is_alive():
                thread.join(_TURN)
        requests.obey()
    raise RuntimeError("the server ended by itself")


def _number(bound: socket.socket) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    """The address of a socket, without the network interface of an IPv6 one."""
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0])
