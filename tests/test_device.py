from __future__ import annotations

import resource
import subprocess
import sys

import mindspore as ms
import pytest

pytestmark = pytest.mark.skipif(not hasattr(ms, "mint"), reason="of MindSpore >= 2.5")

SCRIPT = """
from pathlib import Path
from ddag import environment
environment.prepare()
from ddag import device

def held():  # pages of address space, and of memory
    return [int(each) for each in Path("/proc/self/statm").read_text().split()[:2]]

def configure():
    device.configure("CPU", device_id=0, mode="graph", seed=0)

{limit}
first = held()
configure()
second = held()
configure()
third = held()
import os
half = os.sysconf("SC_PHYS_PAGES") // 2
for before, after in ((first, second), (second, third)):
    print((after[0] - before[0]) // half, (after[1] - before[1]) * 4096 >> 20)
import mindspore as ms
print(ms.ops.add(ms.Tensor(1.0), ms.Tensor(2.0)))
"""


def _run(limit: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT.format(limit=limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_tensors_get_one_stretch_of_memory_of_which_no_page_is_taken() -> None:
    first, second, total = _run("")
    address_space, megabytes = map(int, first.split())
    assert address_space == 1
    assert megabytes < 50
    assert second.split()[0] == "0"  # once a process
    assert total == "3.0"


def test_a_process_that_may_not_have_such_a_stretch_goes_without() -> None:
    limit = f"import resource; resource.setrlimit({resource.RLIMIT_AS}, (6 << 30, 6 << 30))"
    first, _, total = _run(limit)
    assert first.split()[0] == "0"
    assert total == "3.0"
