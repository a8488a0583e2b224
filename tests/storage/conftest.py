"""An S3 server for the tests of stores; they are skipped where it or s3fs is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from stores import S3, Line, reached_at

from ddag.storage import urls


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    for package in ("s3fs", "moto", "flask", "flask_cors", "boto3"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"no {package}")
    started = S3()
    yield started
    started.stop()


@pytest.fixture
def s3(server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server with an empty bucket, which commands find by their environment."""
    for key, value in server.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("DDAG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(urls, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(urls, "_TIMEOUTS", {"connect_timeout": 2, "read_timeout": 5})
    yield server
    server.empty()


@pytest.fixture
def line(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line to the server that can be made a bad one."""
    made = Line(s3.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", reached_at(made.port)["AWS_ENDPOINT_URL"])
    yield made
    made.close()
