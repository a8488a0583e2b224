"""What tests share of stores: an S3 server on this machine, and a bad line to it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class S3:
    """moto's server in a thread, and boto3 to see what it holds.

    Attributes:
        environment: by which a command finds it.
        bucket: that is there.
    """

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.port = port
        self.environment = reached_at(port)
        with set_in(self.environment):
            # As stores that speak S3 without Amazon's newer checksums.
            old = Config(request_checksum_calculation="when_required")
            self.client: Any = boto3.client("s3", endpoint_url=f"http://{host}:{port}", config=old)
        self.bucket = "bucket"
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, name: str, content: bytes = b"some", **how: Any) -> None:
        self.client.put_object(Bucket=self.bucket, Key=name, Body=content, **how)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def read(self, name: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        return content

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def empty(self) -> None:
        for name in self.names():
            self.client.delete_object(Bucket=self.bucket, Key=name)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[dict[str, str]]:
        """Let only those in who have the credentials given."""
        import boto3

        place = self.client.meta.endpoint_url
        with set_in(self.environment):
            users = boto3.client("iam", endpoint_url=place)
        users.create_user(UserName="one")
        allowed = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        ]}  # fmt: skip
        users.put_user_policy(UserName="one", PolicyName="all", PolicyDocument=json.dumps(allowed))
        key = users.create_access_key(UserName="one")["AccessKey"]
        self._guard("0")
        try:
            yield dict(zip(KEYS, (key["AccessKeyId"], key["SecretAccessKey"])))
        finally:
            self._guard("inf")
            users.close()

    def _guard(self, after: str) -> None:
        """Ask for credentials after so many requests."""
        place = f"{self.client.meta.endpoint_url}/moto-api/reset-auth"
        told = urllib.request.Request(place, after.encode(), {"Content-Type": "text/plain"})
        urllib.request.urlopen(told).close()

    def stop(self) -> None:
        self.client.close()
        self._server.stop()


def reached_at(port: int) -> dict[str, str]:
    """The environment of a command that finds an S3 server at this port."""
    return {
        **dict.fromkeys(KEYS, "testing"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def set_in(environment: dict[str, str]) -> Iterator[None]:
    """With these variables set."""
    before = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


class Line:
    """A line to a server that can be cut, slowed down, or garble what comes back.

    Attributes:
        port: to reach the server by.
        requests: how many have gone through.
        cut_after: requests, after which no more go through.
        pause: seconds before each piece of an answer.
        garble: what becomes of each piece of an answer.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.requests, self.pause = 0, 0.0
        self.cut_after: int | None = None
        self.garble: Callable[[bytes], bytes] = lambda piece: piece
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(inner,), daemon=True).start()

    @property
    def is_cut(self) -> bool:
        return self.cut_after is not None and self.requests > self.cut_after

    def _serve(self, inner: socket.socket) -> None:
        with contextlib.suppress(OSError), inner, self._connected() as outer:
            back = threading.Thread(target=self._bring_back, args=(outer, inner), daemon=True)
            back.start()
            while piece := inner.recv(1 << 16):
                if piece.split(b" ", 1)[0] in (b"GET", b"PUT", b"HEAD", b"POST", b"DELETE"):
                    self.requests += 1
                if self.is_cut:
                    break
                outer.sendall(piece)

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._target))

    def _bring_back(self, outer: socket.socket, inner: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := outer.recv(1 << 14):
                time.sleep(self.pause)
                inner.sendall(self.garble(piece))
            inner.shutdown(socket.SHUT_WR)
