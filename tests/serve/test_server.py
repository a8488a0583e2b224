"""The server on a socket: what reaches it that no well-behaved client would send, and its end."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import galleries
import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")

from ddag.machine.errors import InputError
from ddag.serve import app as application
from ddag.serve import server
from ddag.serve.guard import Guard
from ddag.settings.choices import Modality

TESTS = Path(__file__).parents[1]
LIMITS = application.Limits(1 << 20, 6000)


@pytest.fixture(scope="module")
def port(gallery: Path) -> Iterator[int]:
    """Of a server in a thread."""
    app = application.create(galleries.searcher(gallery), Modality.visible, LIMITS)
    bound = server.bind("127.0.0.1", 0)
    guard = Guard(app, hosts=server.names("127.0.0.1", bound), token=None)
    with server.running(guard, bound):
        yield int(bound.getsockname()[1])


def talk(port: int, *parts: bytes, half: bool = True) -> bytes:
    """What the server answers to bytes, after which a client says no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        for part in parts:
            client.sendall(part)
        if half:
            with suppress(OSError):  # it has closed already
                client.shutdown(socket.SHUT_WR)
        heard = b""
        # Where a server closes with the rest unread, its system may reset the connection.
        with suppress(ConnectionResetError):
            while part := client.recv(1 << 16):
                heard += part
    return heard


def ask(port: int, place: str = "/api/gallery") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", place)
        answer = connection.getresponse()
        return answer.status, answer.read()


POST = (
    b"POST /api/search?modality=visible HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
)


@pytest.mark.parametrize(
    "sent",
    [
        [POST + b"Content-Length: 1000\r\n\r\n", b"\x89PNG"],
        [POST + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nab"],
        [POST + b"Transfer-Encoding: chunked\r\n\r\n", b"zzzz\r\n"],
        [POST + b"Content-Length: many\r\n\r\n"],
        [POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n", b"abcde"],
        [POST + b"X: " + b"a" * 100_000 + b"\r\n\r\n"],
        [b"POST / HTTP/1.1\r\n\r\n"],
        [b"\x16\x03\x01\x02\x00\x01\x00"],
        [b"\0" * 100],
        [b"GET /api/images/0 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
        [b"GET /../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
    ],
    ids=["truncated", "chunk", "no chunk", "no length", "two lengths", "header", "no host", "tls",
         "zeros", "two hosts", "path"],
)  # fmt: skip
def test_what_is_no_whole_request_is_refused_and_the_server_goes_on(
    port: int, sent: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    heard = talk(port, *sent)
    assert heard == b"" or heard.split(b" ", 2)[1][:1] == b"4", heard
    assert b"Traceback" not in heard
    assert not [each for each in caplog.records if each.exc_info]
    assert ask(port)[0] == 200


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    heard = talk(port, POST + b"Content-Length: 99999999999\r\n\r\n", half=False)
    assert heard.startswith(b"HTTP/1.1 413")
    assert b"holds more than 1 MB" in heard


def test_many_search_at_the_same_time(port: int) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda row: ask(port, f"/api/search/{row % 24}"), range(120)))
    assert {status for status, _ in answers} == {200}
    found = [json.loads(content)["results"] for _, content in answers]
    for number, results in enumerate(found):
        alone = found[number % 24]
        assert [each["row"] for each in results] == [each["row"] for each in alone]
        # How many are ranked at once is seen in the last digit.
        for one, other in zip(results, alone):
            assert one["distance"] == pytest.approx(other["distance"], abs=2e-6)


def test_a_port_that_is_taken_is_refused(port: int) -> None:
    with pytest.raises(InputError, match=rf"^job\.port={port}: 127.0.0.1 cannot be listened at"):
        server.bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.0.0.1", "x" * 70, "203.0.113.9"])
def test_an_address_that_is_not_here_is_refused(host: str) -> None:
    with pytest.raises(InputError, match=r"^job\.(host|port)=[^\n]*$"):
        server.bind(host, 0)


def test_only_loopback_addresses_are_this_machines_own() -> None:
    for host, own in (("127.0.0.1", True), ("127.0.0.9", True), ("0.0.0.0", False)):
        with server.bind(host, 0) as bound:
            assert server.is_own(bound) is own


def test_a_token_is_new_or_the_environments_own() -> None:
    made = {server.choose_token({}) for _ in range(5)}
    assert len(made) == 5
    assert min(map(len, made)) >= 32
    own = "0123456789abcdef"
    assert server.choose_token({"DDAG_TOKEN": own}) == own
    for wrong in ("", "short", "with blanks in between", "a" * 20 + "é", "a" * 20 + "\n"):
        with pytest.raises(InputError, match=r"^DDAG_TOKEN: is no token") as refused:
            server.choose_token({"DDAG_TOKEN": wrong})
        assert wrong == "" or wrong not in str(refused.value)


def test_the_address_keeps_the_token_from_servers() -> None:
    with server.bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert server.address(bound, "127.0.0.1", None) == f"http://127.0.0.1:{port}/"
        assert server.address(bound, "::1", "secret") == f"http://[::1]:{port}/#token=secret"
    with server.bind("0.0.0.0", 0) as bound:
        assert "//0.0.0.0:" not in server.address(bound, "0.0.0.0", "secret")


PROGRAM = """
import sys
from pathlib import Path
import galleries
from ddag.machine import interruption
from ddag.serve import server
from ddag.serve.app import Limits, create
from ddag.settings.choices import Modality
from ddag.settings.endings import leaving_at_once, one_line_errors

interruption.shield()
with leaving_at_once(), one_line_errors():
    app = create(galleries.searcher(Path(sys.argv[1])), Modality.visible, Limits(1 << 20, 60))
    bound = server.bind("127.0.0.1", 0)
    server.serve(app, bound, lambda: print(bound.getsockname()[1], flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_once_it_has_answered(gallery: Path, number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(gallery)],
        cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert ask(port)[0] == 200
        held = socket.create_connection(("127.0.0.1", port), timeout=60)  # an idle client
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        held.close()
    assert process.returncode == code, err
    assert "Traceback" not in err
