"""A disk that fills up or may not be written to."""

from __future__ import annotations

import resource
from pathlib import Path

import killing
import pytest

from ddag.training import checkpoint

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20


def limit_files() -> None:
    """No file of this process grows beyond a megabyte, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))


def test_a_full_disk_ends_in_one_line_and_leaves_the_checkpoint(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    run = tmp_path / "run"
    killing.finish(killing.start(run, tiny_regdb, "train.epochs=1"))
    last = run / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    process = killing.start(run, tiny_regdb, preexec_fn=limit_files)
    _, err = killing.finish(process, code=2)
    (line,) = err.strip().splitlines()
    assert line.startswith(f"error: {last}: cannot be written")
    assert last.read_bytes() == before
    assert checkpoint.read(last).described.epoch == 1
    assert not list(last.parent.glob(".*.ckpt"))
