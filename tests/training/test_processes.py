"""One run in several processes: as good as in one, and whole whatever happens to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import killing
import numpy as np
import pytest
from shared_steps import Case, Trained, train
from typed import evaluate, only_run, read_metrics

from ddag.runs.result import Result
from ddag.training import checkpoint

pytestmark = pytest.mark.slow

TEN = Case("ddag", ("model.dropout=0",), steps=10, samples=16)  # parts and graph attention
CASES = (
    TEN,
    TEN._replace(steps=3, mode="pynative"),
    Case("baseline"),
    Case("agw", ("optimizer.clip=1",)),
    Case("caj"),
    Case("hct", ("model.stripes=3",)),
)
# Four epochs of three steps, one process.
GENTLE = ("optimizer=sgd", "optimizer.lr=1e-5", "train.eval_every=0", "train.epochs=4")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    """What one process makes of the cases, and of the first with its samples turned round."""
    cases = [*CASES, TEN._replace(order="turned")]
    return [found for (found,) in train(cases, tmp_path_factory.mktemp("alone"))]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[list[Trained]]:
    """What two processes make of the cases."""
    return train(CASES, tmp_path_factory.mktemp("two"), workers=2)


def distance(one: Trained, other: Trained) -> float:
    """Of the total losses, the largest of all steps as a share of the loss."""
    pairs = zip(one.losses, other.losses)
    return max(abs(a["loss"] / b["loss"] - 1) for a, b in pairs)


def test_two_processes_train_as_one_does(alone: list[Trained], two: list[list[Trained]]) -> None:
    for case, one, (first, _) in zip(CASES, alone, two):
        assert len(first.losses) == case.steps
        assert distance(first, one) < 1e-5, case
        assert first.moved == pytest.approx(one.moved, rel=1e-3), case
        for name, value in one.losses[0].items():
            assert first.losses[0][name] == pytest.approx(value, rel=1e-3, abs=1e-6), (case, name)


def test_processes_agree_to_the_bit(two: list[list[Trained]]) -> None:
    for case, (first, second) in zip(CASES, two):
        assert first.digest == second.digest, case
        assert first.losses == second.losses, case


def test_two_processes_are_no_further_from_one_than_its_batches_turned_round(
    alone: list[Trained], two: list[list[Trained]]
) -> None:
    """Where rounding alone differs it is chance which of the two differs more."""
    assert distance(two[0][0], alone[0]) < 5 * max(distance(alone[-1], alone[0]), 2e-7)


@pytest.mark.usefixtures("long_form")
def test_four_processes_train_as_one_does(tmp_path: Path, alone: list[Trained]) -> None:
    found = train([TEN], tmp_path, workers=4)[0]
    assert distance(found[0], alone[0]) < 1e-5
    assert len({each.digest for each in found}) == 1


APART = TEN._replace(steps=3)


def in_parts(count: int) -> Case:
    """The batch of ``APART`` through the backbone in so many parts."""
    words = (*APART.words, "device.sync_bn=false", f"device.accumulate={count}")
    return APART._replace(words=words)


def test_norms_of_each_process_alone_make_the_training_of_a_batch_in_parts(tmp_path: Path) -> None:
    """And the processes agree, their running statistics included: each has the mean of all."""
    (parts,) = train([in_parts(2)], tmp_path / "parts")[0]
    apart = train([in_parts(1)], tmp_path / "apart", workers=2)[0]
    assert distance(apart[0], parts) < 1e-5
    assert apart[0].losses == apart[1].losses
    assert apart[0].digest == apart[1].digest


@pytest.mark.usefixtures("long_form")
def test_processes_take_their_shares_in_parts(tmp_path: Path) -> None:
    (parts,) = train([in_parts(4)], tmp_path / "parts")[0]
    shared = train([in_parts(2)], tmp_path / "shared", workers=2)[0]
    assert distance(shared[0], parts) < 1e-5
    assert shared[0].digest == shared[1].digest


def children(process: subprocess.Popen[str], of: str = "ddag.worker") -> list[int]:
    """The processes that a run has started, in the order in which it did."""
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [pid for pid in map(int, tasks) if of in Path(f"/proc/{pid}/cmdline").read_text()]


def await_end(pids: list[int], seconds: float = 10) -> None:
    """Wait until none of the processes is there."""
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, pids
        time.sleep(0.1)


def start(run: Path, data: Path, *words: str) -> subprocess.Popen[str]:
    return killing.start(run, data, *GENTLE, *words)


def start_two(run: Path, data: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A run in two processes that has taken a step, and its processes."""
    last = run / "checkpoints" / "last.ckpt"
    before = last.stat().st_mtime_ns if last.exists() else 0
    process = start(run, data, "device.workers=2")
    killing.await_change(process, last, before)
    return process, children(process)


def test_a_run_goes_on_in_other_processes_whatever_happens_to_those_before(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    killing.finish(start(whole, tiny_regdb))

    process, pids = start_two(run, tiny_regdb)
    os.kill(pids[-1], signal.SIGTERM)  # a stop that one is asked for is all the others' stop
    out, err = killing.finish(process, code=143)
    assert "Saved after epoch" in out
    assert f"train.resume={run}" in out
    assert not err
    await_end(pids)

    last = run / "checkpoints" / "last.ckpt"
    before = last.stat().st_mtime_ns
    process = start(run, tiny_regdb)
    killing.await_change(process, last, before)
    killing.kill(process)
    assert "device.workers was 2 and is 1" in (run / "run.log").read_text()

    process, pids = start_two(run, tiny_regdb)
    killed = time.monotonic()
    os.kill(pids[-1], signal.SIGKILL)
    _, err = killing.finish(process, code=137)
    assert time.monotonic() - killed < 30
    (line,) = err.splitlines()
    assert "worker 1 was killed by SIGKILL" in line
    assert str(run / "worker_1.log") in line
    await_end(pids)

    _, err = killing.finish(start(run, tiny_regdb, "device.workers=2"))
    assert not err
    assert_same(run, whole)
    ranked = Result.read(run / "result.json")
    evaluate(tmp_path, run / "checkpoints" / "best.ckpt")
    alone = Result.read(only_run(tmp_path) / "result.json")
    assert (ranked.metrics, ranked.cmc) == (alone.metrics, alone.cmc)


def assert_same(run: Path, whole: Path) -> None:
    """Within rounding."""
    for one, other in zip(read_metrics(run), read_metrics(whole)):
        assert one["train/loss"] == pytest.approx(other["train/loss"], rel=1e-4)
    found, wanted = (
        checkpoint.read(each / "checkpoints" / "last.ckpt").weights for each in (run, whole)
    )
    for name, value in wanted.items():
        one, other = found[name].asnumpy(), value.asnumpy()
        assert np.abs(one - other).max() <= 1e-3 * max(1.0, np.abs(other).max()), name
