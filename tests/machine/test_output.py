from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typed import REPOSITORY

ABANDONED = """
import sys
from ddag.machine import output
output.secure()
print("begun", flush=True)
sys.stdin.read()
for _ in range(3):
    print("more" * 9999)
print(output.abandoned(), file=sys.stderr)
"""
CLOSED = """
import os, sys
from ddag.machine import output
output.secure()
print("nowhere")
print("nowhere", file=sys.stderr)
os.write(1, b"nowhere"), os.write(2, b"nowhere")
with open(sys.argv[1], "w") as file:
    file.write(f"{file.fileno() > 2} {sys.stdin.read()!r} {output.abandoned()}")
"""


def test_output_that_nobody_reads_is_dropped_and_noted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ABANDONED],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "True\n")


@pytest.mark.parametrize("redirections", [">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_closed_stream_gives_its_number_to_no_file(tmp_path: Path, redirections: str) -> None:
    file = tmp_path / "file.txt"
    script = f'"$0" -c "$1" "$2" {redirections}'
    words = ["/bin/sh", "-c", script, sys.executable, CLOSED, str(file)]
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert file.read_text() == "True '' False"


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("RUN --help | head -1", (0, 141)),
        ("RUN --cfg job | true", (0, 141)),
        ("RUN sweep=branches sweep.list=true | true", (0, 141)),
        ("RUN --help <&- >&- 2>&-", (0,)),
        ("RUN seed=x 2>&-", (2,)),
        ("RUN seed=x 2>&1 | true", (2, 141)),
        ("RUN --help >/dev/full", (2,)),
        ("RUN seed=x 2>/dev/full", (2,)),
        ("mkdir lost; cd lost; rmdir ../lost; RUN", (2,)),
    ],
)
def test_a_command_ends_without_a_traceback_wherever_its_output_goes(
    tmp_path: Path, command: str, codes: tuple[int, ...]
) -> None:
    run = f"{sys.executable} {REPOSITORY / 'run.py'}"
    words = ["bash", "-o", "pipefail", "-c", command.replace("RUN", run)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
