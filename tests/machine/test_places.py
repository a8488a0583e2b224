"""Places held by processes that run at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TAKE = (
    "import sys; from pathlib import Path; from ddag.machine.places import take;"
    "print(take(Path(sys.argv[1]), 2), take(Path(sys.argv[1]), 2), flush=True); sys.stdin.read()"
)


def take(folder: Path) -> subprocess.Popen[str]:
    """A process that takes a place, the same when it asks again, and keeps it until it ends."""
    return subprocess.Popen(
        [sys.executable, "-c", TAKE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_each_process_has_a_place_of_its_own_and_leaves_it_however_it_ends(tmp_path: Path) -> None:
    first = take(tmp_path)
    assert first.stdout.readline() == "0 0\n"
    second = take(tmp_path)
    assert second.stdout.readline() == "1 1\n"
    third = take(tmp_path)  # waits
    first.kill()
    assert third.stdout.readline() == "0 0\n"
    for process in (first, second, third):
        process.kill()
        process.communicate()
