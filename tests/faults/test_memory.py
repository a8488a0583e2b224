"""A machine with too little memory."""

from __future__ import annotations

import resource
from pathlib import Path

import killing
import pytest

pytestmark = pytest.mark.slow

GIGABYTE = 1 << 30
LARGE = ["data.height=1024", "data.width=512"]


def limit_memory() -> None:
    """As much as MindSpore takes before it computes, and little more."""
    resource.setrlimit(resource.RLIMIT_AS, (6 * GIGABYTE, 6 * GIGABYTE))


@pytest.mark.parametrize(
    ("words", "lower"),
    [
        ([*LARGE, "sampler.identities=6", "sampler.images=4", "train.steps=1"],
         "sampler.identities=6, sampler.images=4, data.height=1024"),
        (["data.height=2048", "data.width=2048", "data.test_batch=24", "train.eval_start=true"],
         "data.test_batch=24, data.height=2048"),
    ],
)  # fmt: skip
def test_too_little_memory_ends_in_one_line_that_says_what_to_lower(
    tmp_path: Path, tiny_regdb: Path, words: list[str], lower: str
) -> None:
    process = killing.start(tmp_path / "run", tiny_regdb, *words, preexec_fn=limit_memory)
    _, err = killing.finish(process, code=2)
    (line,) = err.strip().splitlines()
    assert line.startswith("error: memory: there is too little for this job")
    assert line.endswith(f"lower {lower}")
