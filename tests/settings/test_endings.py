from __future__ import annotations

import errno
import subprocess
import sys
from logging.config import dictConfig
from pathlib import Path

import pytest

from ddag.machine.errors import InputError
from ddag.settings.endings import is_bad_input, one_line


@pytest.mark.parametrize("name", ["x" * 5_000, "file/inside", "loop", "."])
def test_what_the_disk_says_of_a_path_is_bad_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Errno") as caught:
        (tmp_path / name).write_text("")
    assert is_bad_input(caught.value)
    assert "\n" not in one_line(caught.value)


def test_a_full_disk_is_bad_input_also_where_it_names_no_file() -> None:
    assert is_bad_input(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert not is_bad_input(caught.value), "a bug keeps its traceback"


def test_a_log_that_is_a_folder_is_one_line_with_its_name(tmp_path: Path) -> None:
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(tmp_path)}}
    with pytest.raises(ValueError, match="handler") as caught:
        dictConfig({"version": 1, "handlers": handlers})
    assert is_bad_input(caught.value)
    assert one_line(caught.value) == f"{tmp_path}: Is a directory"


def test_what_bad_input_says_comes_before_its_cause() -> None:
    error = InputError("a: no such file")
    error.__cause__ = FileNotFoundError(2, "No such file", "a")
    assert one_line(error) == "a: no such file"


def test_one_line_has_nothing_that_a_terminal_obeys() -> None:
    assert one_line(InputError("a\x1b[2J\x07: b")) == "a\ufffd[2J\ufffd: b"


def test_letters_that_a_shell_lacks_are_said_to_be_lacking() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "é.png".encode("ascii")
    assert is_bad_input(caught.value)
    assert one_line(caught.value) == "é.png: ascii has no such letters; set LC_ALL=C.UTF-8"


LEAVING = """
import atexit, sys
from ddag.machine import memory
from ddag.settings.endings import leaving_at_once
atexit.register(lambda: print("ended in order"))
with leaving_at_once():
    if "lacking" in sys.argv:
        assert memory.is_lacking(MemoryError())
    print("said")
    sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["2", "lacking"], ""),
        (["130"], ""),
        (["2"], "ended in order\n"),
        (["0"], "ended in order\n"),
    ],
)
def test_a_program_ends_at_once_where_a_signal_or_memory_ends_it(
    words: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (int(words[0]), f"said\n{said}", "")
