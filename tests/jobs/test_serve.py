"""The job serve, on a network that nobody trained."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typed import REPOSITORY, parse

from ddag.jobs import serve
from ddag.machine.errors import InputError

AS_IT_IS = ["device.mode=pynative"]  # compiling takes longer than a few images do
installed = pytest.mark.skipif(
    not (importlib.util.find_spec("fastapi") and importlib.util.find_spec("uvicorn")),
    reason="needs the extra serve",
)


@pytest.fixture
def kept(regdb_checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint in a folder of its own, without an index."""
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.parent.mkdir()
    path.hardlink_to(regdb_checkpoint)
    return path


@pytest.fixture
def archive(tmp_path: Path, tiny_regdb: Path) -> Path:
    """Visible images of two people."""
    root = tmp_path / "archive"
    for person in "12":
        shutil.copytree(tiny_regdb / "Visible" / person, root / f"cam{person}")
    return root


class Server:
    """A server in a process of its own.

    Attributes:
        process: that it runs in.
        port: that it listens at.
        token: that it wants, or None.
        said: what it printed until it could be asked.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self.said, found = process, "", None
        while found is None:
            line = process.stdout.readline()
            assert line, self.said + str(process.communicate())
            self.said += line
            found = re.match(r"Open http://127\.0\.0\.1:(\d+)/(?:#token=(\S+))?$", line)
        self.port, self.token = int(found[1]), found[2]

    def ask(self, place: str, image: Path | None = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer, with an image as the body."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as link:
            if image is None:
                link.request("GET", place, headers=headers)
            else:
                kind = {"Content-Type": "image/bmp"}
                link.request("POST", place, image.read_bytes(), {**kind, **headers})
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())


@contextmanager
def served(folder: Path, checkpoint: Path, gallery: Path, *words: str) -> Iterator[Server]:
    given = [
        "job=serve", f"checkpoint={checkpoint}", f"job.gallery={gallery}", "job.port=0",
        "job.gallery_modality=visible", f"hydra.run.dir={folder}", *AS_IT_IS, *words,
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run.py"), *given],
        cwd=folder.parent, env={**os.environ, "COLUMNS": "300"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield Server(process)
        finally:
            process.kill()


@installed
@pytest.mark.slow
def test_a_killed_server_is_started_again_without_a_loss(
    kept: Path, archive: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    night = next((tiny_regdb / "Thermal" / "1").iterdir())
    place = "/api/search?modality=infrared"
    with served(tmp_path / "first", kept, archive) as server:
        assert "8 of the 8 images" in server.said
        status, found = server.ask(place, night)
        assert status == 200
        assert sorted(each["camera"] for each in found["results"]) == ["1"] * 4 + ["2"] * 4
        own = archive / found["results"][0]["name"]
        status, itself = server.ask("/api/search?modality=visible&count=1", own)
        assert itself["results"][0]["name"] == found["results"][0]["name"]
        assert itself["results"][0]["distance"] == pytest.approx(0, abs=1e-5)
        server.process.kill()
    with served(tmp_path / "second", kept, archive, "job.token=true") as server:
        assert "0 of the 8 images" in server.said
        assert server.ask(place, night)[0] == 401
        again = server.ask(place, night, Authorization=f"Bearer {server.token}")
        assert again == (200, found)
        server.process.send_signal(signal.SIGTERM)
        _, err = server.process.communicate(timeout=60)
        assert (server.process.returncode, err) == (143, "")
        for file in (tmp_path / "second").rglob("*"):
            assert not file.is_file() or str(server.token).encode() not in file.read_bytes()


def run(*words: str) -> None:
    given = ["checkpoint=a.ckpt", "job.gallery_modality=visible", *words]
    serve.run(parse("job=serve", *given), Path("nowhere"), [])


@installed
def test_a_gallery_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"job\.gallery=nowhere: no such folder"):
        run("job.gallery=nowhere")


@installed
def test_an_address_that_cannot_be_had_is_refused_before_anything_is_read(archive: Path) -> None:
    with pytest.raises(InputError, match=r"^job\.host=no\.such\.invalid: no address"):
        run(f"job.gallery={archive}", "job.host=no.such.invalid")


@installed
def test_a_token_that_is_too_short_is_refused_where_one_is_wanted(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDAG_TOKEN", "short")
    for words in (["job.token=true"], ["job.host=0.0.0.0"]):
        with pytest.raises(InputError, match=r"^DDAG_TOKEN: is no token"):
            run(f"job.gallery={archive}", "job.port=0", *words)


@pytest.mark.parametrize("package", ["fastapi", "uvicorn"])
def test_a_missing_package_is_said_with_its_extra(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find("json")
    )
    with pytest.raises(InputError, match=rf"^job=serve: {package} is not installed; run pip"):
        run("job.gallery=nowhere")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("job.host=''", "job.host=: names nothing"),
        ("job.port=65536", "job.port=65536: use 0"),
        ("job.port=-1", "job.port=-1: use 0"),
        ("job.upload=0", "job.upload=0: use 1 to 256"),
        ("job.pixels=65", "job.pixels=65: use 1 to 64"),
        ("job.rate=0", "job.rate=0: use 1"),
        ("job.exported=''", "job.exported=: names nothing"),
    ],
)
def test_a_limit_that_is_none_is_refused(word: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        parse(
            "job=serve", "checkpoint=a.ckpt", "job.gallery=b", "job.gallery_modality=visible", word
        )
