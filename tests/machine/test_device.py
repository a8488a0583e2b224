from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import pytest

START = """
from pathlib import Path
from ddag.machine import environment
environment.prepare()
from ddag.machine import device

def held():  # pages of address space, and of memory
    return [int(each) for each in Path("/proc/self/statm").read_text().split()[:2]]

def configure():
    device.configure("CPU", device_id=0, mode="graph", seed=0)
"""
TENSORS = """
import mindspore as ms

{limit}
Path("meminfo").write_text("MemAvailable: 4000000 kB")
device.memory.MEMINFO = Path("meminfo")
first = held()
configure()
second = held()
configure()
third = held()
half = 2_000_000 // 4  # of pages
for before, after in ((first, second), (second, third)):
    print(round((after[0] - before[0]) / half, 1), (after[1] - before[1]) * 4096 >> 20)
print(ms.ops.add(ms.Tensor(1.0), ms.Tensor(2.0)))
"""
PICTURES = """
import numpy as np

configure()
_, before = held()
images = [np.ones(4 << 20, np.float32) for _ in range(3)]
del images
print((held()[1] - before) * 4096 >> 20)
"""
joins = pytest.mark.skipif(not hasattr(ms, "mint"), reason="of MindSpore >= 2.5")
keeps = pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="of glibc")


def _run(script: str, folder: Path) -> list[str]:
    command = [sys.executable, "-c", START + script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


@joins
def test_tensors_get_one_stretch_of_memory_of_which_no_page_is_taken(tmp_path: Path) -> None:
    first, second, total = _run(TENSORS.format(limit=""), tmp_path)
    address_space, megabytes = map(float, first.split())
    assert address_space == pytest.approx(1, abs=0.25)
    assert megabytes < 50
    assert float(second.split()[0]) == 0  # once a process
    assert total == "3.0"


@joins
def test_a_process_that_may_not_have_such_a_stretch_goes_without(tmp_path: Path) -> None:
    limit = (
        "import resource\n"
        "most = held()[0] * 4096 + (1800 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))"
    )
    first, _, total = _run(TENSORS.format(limit=limit), tmp_path)
    assert float(first.split()[0]) < 0.1
    assert total == "3.0"


@keeps
def test_memory_that_is_freed_is_kept_for_the_next_images(tmp_path: Path) -> None:
    (megabytes,) = map(int, _run(PICTURES, tmp_path))
    assert 44 <= megabytes <= 60
