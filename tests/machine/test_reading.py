from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ddag.machine.reading import open_plain, read_plain, why_not


def reason(path: Path | str) -> str:
    with pytest.raises((OSError, ValueError)) as caught:
        read_plain(path, most=10)
    return why_not(caught.value)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_plain(tmp_path / "a", most=10) == b"0123456789"
    (tmp_path / "link").symlink_to("a")
    with open_plain(tmp_path / "link") as file:
        assert file.read(3) == b"012"


def test_a_pipe_a_socket_and_a_device_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path / "socket", Path("/dev/zero")):
        assert reason(path) == "is a pipe, a socket or a device, not a file"


def test_what_else_is_no_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"01234567890")
    (tmp_path / "loop").symlink_to("loop")
    assert reason(tmp_path) == "is a folder"
    assert reason(tmp_path / "none") == "no such file"
    assert reason(tmp_path / "file" / "none") == "no such file"
    assert reason(tmp_path / ("x" * 300)) == "cannot be read (File name too long)"
    assert reason(f"{tmp_path}/{'x/' * 3000}") == "cannot be read (File name too long)"
    assert reason(tmp_path / "loop").startswith("cannot be read (Too many levels")
    assert reason(tmp_path / "a\0b") == "cannot be read (embedded null byte)"
    assert reason(tmp_path / "file") == "is larger than 0 MB"
