"""What stands before every answer: who may ask, and what a browser may do with what it gets."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Iterable
from typing import Any, Callable, Optional

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Nothing is fetched from elsewhere, no script stands in a page, no other page frames this one.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_NO_STORE = [(b"cache-control", b"no-store")]  # unless an answer says otherwise
PROTECTED = "/api/"  # what begins so; the pages alone say nothing of the gallery
_NEAR = (b"same-origin", b"none")  # sites that a browser may say a request comes from
_BEARER = b"bearer "


class Guard:
    """Lets through what has the token or, where none is wanted, what is this machine's own.

    Without a token two things are refused that a page of someone else's could make a browser do:
    ask for what is here under a name that leads here (Host), and ask across sites (Origin).
    """

    def __init__(self, app: App, *, hosts: Iterable[str], token: Optional[str]) -> None:
        """Stand before an application.

        Args:
            app: the application.
            hosts: names by which this server may be called where no token is wanted.
            token: that is wanted; None for none.
        """
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._token = None if token is None else _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                kept = any(name == b"cache-control" for name, _ in own)
                message = {**message, "headers": [*own, *_ENCODED, *([] if kept else _NO_STORE)]}
            await send(message)

        headers = dict(scope["headers"])
        refused = self._refusal(scope["path"], headers)
        if refused is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await _refuse(send_with_headers, *refused)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Optional[tuple[int, str]]:
        """Status and line, where a request is to be refused."""
        if self._token is not None:
            if path.startswith(PROTECTED) and not self._has_token(headers):
                return 401, "token: missing or wrong; send it as Authorization: Bearer TOKEN"
            return None
        host = headers.get(b"host", b"")
        if _name(host) not in self._hosts:
            return 403, f"host: another name; call this server {min(self._hosts)}"
        if path.startswith(PROTECTED) and _from_elsewhere(host, headers):
            return 403, "origin: another site; open this server's own page"
        return None

    def _has_token(self, headers: dict[bytes, bytes]) -> bool:
        given = headers.get(b"authorization", b"")
        begins = given[: len(_BEARER)].lower() == _BEARER
        # Digests have one length: how long the comparison takes tells nothing of the token's.
        same = hmac.compare_digest(_digest(given[len(_BEARER) :]), self._token or b"")
        return begins and same


async def _refuse(send: Send, status: int, line: str) -> None:
    body = json.dumps({"error": line}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _from_elsewhere(host: bytes, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that another site's page asks."""
    if headers.get(b"sec-fetch-site", b"none") not in _NEAR:
        return True
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != host


def _name(host: bytes) -> str:
    """The name in a Host header, without its port."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
