"""The loop around the step: what is saved, skipped, refused and resumed.

The step itself is replaced: its losses are made up, and it moves one weight.
"""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mindspore import Tensor
from typed import TINY, parse

from ddag.machine import processors
from ddag.machine.errors import InputError
from ddag.machine.interruption import Requests, Stopped
from ddag.runs.tracking import Tracker
from ddag.settings.settings import Settings
from ddag.training import checkpoint
from ddag.training.checkpoint import Checkpoint
from ddag.training.loop import Loop
from ddag.training.scaling import OverflowedError
from ddag.training.step import NotFiniteError, Trainer, names

STEPS = 3


class FakeSteps:
    """Stands for ``Trainer.step``: notes each call, and fails where it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []
        self.bad: set[tuple[int, int]] = set()
        self.overflowing: set[tuple[int, int]] = set()
        self.requests = Requests()
        self.signals: dict[tuple[int, int], int] = {}

    def __call__(
        self, trainer: Trainer, batch: Any, *, epoch: int, position: int, scalars: dict[str, float]
    ) -> dict[str, float]:
        place = (epoch, position)
        if place in self.signals:
            self.requests.hear(self.signals.pop(place), None)
        if place in self.bad:
            raise NotFiniteError({"loss": float("nan"), "gradient_norm": float("inf")})
        if place in self.overflowing:
            raise OverflowedError
        self.taken.append(place)
        gate = trainer._learner.parameters_dict()["part.gate"]
        gate.set_data(Tensor(gate.asnumpy() + epoch + position / 7))
        return {
            name: float(batch.identities.sum()) + epoch + 0.1
            for name in names(trainer._learner.objective)
        }


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    fake = FakeSteps()
    monkeypatch.setattr(
        Trainer, "step", lambda trainer, batch, **place: fake(trainer, batch, **place)
    )
    return fake


def settings(data: Path, *words: str) -> Settings:
    given = ["dataset=regdb", f"dataset.root={data}", *TINY, f"train.steps={STEPS}", *words]
    return parse(*given, "train.eval_every=0", "device.mode=pynative")


def train(chosen: Settings, run: Path, requests: Requests) -> Loop:
    run.mkdir(parents=True, exist_ok=True)
    loop = Loop(chosen, run)
    with Tracker(run, {}, first=loop.progress.epoch + 1) as tracker:
        loop.train(tracker, requests)
    return loop


def gate(run: Path, name: str = "last.ckpt") -> list[float]:
    return checkpoint.read(run / "checkpoints" / name).weights["part.gate"].asnumpy().tolist()


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if "images_per_second" not in k} for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 1)])
def test_a_run_stopped_after_any_step_resumes_with_the_next(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps, place: tuple[int, int]
) -> None:
    whole = settings(tiny_regdb)
    train(whole, tmp_path / "whole", steps.requests)
    every = steps.taken.copy()
    steps.taken.clear()

    steps.signals[place] = signal.SIGTERM
    with pytest.raises(Stopped) as stopped:
        train(whole, tmp_path / "run", steps.requests)
    assert stopped.value.code == 143
    assert steps.taken[-1] == place
    resumed = settings(tiny_regdb, "train.resume=auto")
    train(resumed, tmp_path / "run", Requests())
    assert steps.taken == every
    assert gate(tmp_path / "run") == gate(tmp_path / "whole")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def test_sigusr1_saves_and_the_run_continues(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.signals[0, 1] = signal.SIGUSR1
    steps.signals[0, 2] = signal.SIGINT
    with pytest.raises(Stopped):
        train(settings(tiny_regdb), tmp_path / "run", steps.requests)
    before = checkpoint.read(tmp_path / "run" / "checkpoints" / "previous.ckpt")
    assert before.described.progress["position"] == 2
    assert (
        checkpoint.read(tmp_path / "run" / "checkpoints" / "last.ckpt").described.progress[
            "position"
        ]
        == 3
    )


def test_checkpoints_come_every_so_many_steps(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.bad = {(0, 2)}
    with pytest.raises(InputError):
        train(settings(tiny_regdb, "train.save_every_steps=2"), tmp_path / "run", Requests())
    assert checkpoint.read(tmp_path / "run" / "checkpoints" / "previous.ckpt").described.step == 2


def test_a_step_that_is_not_finite_stops_with_all_about_it(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps, caplog: pytest.LogCaptureFixture
) -> None:
    steps.bad = {(1, 1)}
    with pytest.raises(InputError) as caught:
        train(settings(tiny_regdb), tmp_path / "run", Requests())
    said = str(caught.value)
    for part in (
        "epoch 2, batch 2",
        "loss nan",
        "gradient_norm inf",
        "learning rate",
        "identities",
    ):
        assert part in said
    assert "\n" not in said
    named = [line for line in caplog.messages if line.startswith("in the batch: ")]
    assert len(named) == 8  # two identities, two images of each modality
    assert all(Path(line.removeprefix("in the batch: ")).is_file() for line in named)
    stored = checkpoint.read(tmp_path / "run" / "checkpoints" / "last.ckpt").described
    assert (stored.epoch, stored.progress["position"], stored.step) == (1, 1, STEPS + 1)


@pytest.mark.slow
def test_skipped_steps_are_counted_and_left_out_of_the_mean(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.bad = {(0, 1)}
    train(settings(tiny_regdb, "train.on_nan=skip"), tmp_path / "run", Requests())
    assert [line["train/skipped"] for line in metrics(tmp_path / "run")] == [1, 0]
    assert steps.taken == [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert checkpoint.read(tmp_path / "run" / "checkpoints" / "last.ckpt").described.step == 5


@pytest.mark.slow
def test_overflows_are_counted_apart_and_stop_no_run(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.overflowing = {(0, 1), (1, 0)}
    train(settings(tiny_regdb, "device.precision=fp16"), tmp_path / "run", Requests())
    lines = metrics(tmp_path / "run")
    assert [(line["train/overflow"], line["train/skipped"]) for line in lines] == [(1, 0), (1, 0)]
    assert all(line["train/loss_scale"] > 0 for line in lines)
    assert steps.taken == [(0, 0), (0, 2), (1, 1), (1, 2)]


def test_an_epoch_of_nothing_but_overflows_is_refused(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.overflowing = {(0, position) for position in range(STEPS)}
    with pytest.raises(InputError, match=r"^device\.precision=fp16: every step of epoch 1"):
        train(settings(tiny_regdb, "device.precision=fp16"), tmp_path / "run", Requests())


def test_a_run_is_not_resumed_in_another_precision(stopped: Path, tiny_regdb: Path) -> None:
    other = settings(tiny_regdb, "train.resume=auto", "device.precision=fp16")
    with pytest.raises(InputError, match=r"device\.precision was fp32 and is fp16"):
        Loop(other, stopped)


def test_an_epoch_without_a_step_is_refused(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    steps.bad = {(0, position) for position in range(STEPS)}
    with pytest.raises(InputError, match="every step of epoch 1 was skipped"):
        train(settings(tiny_regdb, "train.on_nan=skip"), tmp_path / "run", Requests())


@pytest.fixture
def stopped(tmp_path: Path, tiny_regdb: Path, steps: FakeSteps) -> Path:
    """A run folder whose training was stopped in its second epoch."""
    steps.signals[1, 1] = signal.SIGINT
    with pytest.raises(Stopped):
        train(settings(tiny_regdb), tmp_path / "run", steps.requests)
    return tmp_path / "run"


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_taken(
    stopped: Path, tiny_regdb: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last = stopped / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    loop = Loop(settings(tiny_regdb, "train.resume=auto"), stopped)
    assert f"{last}: damaged" in caplog.text
    assert (loop.progress.epoch, loop.progress.position) == (1, 0)
    assert (stopped / "checkpoints" / "last.ckpt.damaged").is_file()
    last.with_name("previous.ckpt").write_bytes(b"")
    with pytest.raises(InputError, match="no undamaged checkpoint there"):
        Loop(settings(tiny_regdb, f"train.resume={stopped}"), stopped)


def test_a_run_without_an_undamaged_checkpoint_does_not_begin_anew(
    stopped: Path, tiny_regdb: Path
) -> None:
    for name in ("last", "previous"):
        (stopped / "checkpoints" / f"{name}.ckpt").write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(InputError, match="no undamaged checkpoint there"):
            Loop(settings(tiny_regdb, "train.resume=auto"), stopped)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_checkpoint_that_may_not_be_read_stops_the_run_and_stays_where_it_is(
    tmp_path: Path,
    tiny_regdb: Path,
    steps: FakeSteps,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    train(settings(tiny_regdb), tmp_path, Requests())
    allowed = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return allowed(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    before = set((tmp_path / "checkpoints").iterdir())
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        Loop(settings(tiny_regdb, "train.resume=auto", "train.epochs=3"), tmp_path)
    assert set((tmp_path / "checkpoints").iterdir()) == before


def test_a_checkpoint_that_says_more_batches_than_an_epoch_has_is_refused(
    stopped: Path, tiny_regdb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = checkpoint.read

    def forged(path: Path) -> checkpoint.Checkpoint:
        stored = read(path)
        stored.described.progress["position"] = 10**6
        return stored

    monkeypatch.setattr(checkpoint, "read", forged)
    with pytest.raises(InputError, match="does not say how far its run had come"):
        Loop(settings(tiny_regdb, "train.resume=auto"), stopped)


def test_other_threads_and_another_processor_are_said_with_both(
    stopped: Path,
    tiny_regdb: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = checkpoint.read(stopped / "checkpoints" / "last.ckpt").described
    assert (held.threads, held.processor) == (processors.count(), processors.kind())
    Loop(settings(tiny_regdb, "train.resume=auto"), stopped)
    assert "to the bit" not in caplog.text
    monkeypatch.setattr(processors, "count", lambda: 99)
    monkeypatch.setattr(processors, "kind", lambda: "Another One")
    Loop(settings(tiny_regdb, "train.resume=auto"), stopped)
    assert f"on {held.threads} threads and now on 99" in caplog.text
    assert f"device.threads={held.threads} keeps that" in caplog.text
    assert f"on {held.processor} and now on Another One" in caplog.text


def test_other_settings_are_listed_and_refused(stopped: Path, tiny_regdb: Path) -> None:
    other = settings(tiny_regdb, f"train.resume={stopped}", "loss.margin=0.5", "seed=3")
    with pytest.raises(InputError) as caught:
        Loop(other, stopped)
    assert "loss.margin was 0.3 and is 0.5, seed was 0 and is 3;" in str(caught.value)


def test_length_paths_and_device_may_change(
    stopped: Path, tiny_regdb: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tiny_regdb, moved)
    free = ["train.epochs=5", "tag=other", "device.id=0", "train.save_every=1", "train.on_nan=skip"]
    chosen = settings(moved, f"train.resume={stopped}", *free)
    assert Loop(chosen, tmp_path / "new").progress.step == STEPS + 2


def test_other_images_are_refused(stopped: Path, tiny_regdb: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(tiny_regdb, moved)
    listed = moved / "idx" / "train_visible_1.txt"
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join(reversed(lines)) + "\n")
    with pytest.raises(InputError, match="not those it was trained on"):
        Loop(settings(moved, f"train.resume={stopped}"), stopped)


def test_other_images_under_the_same_names_are_refused(
    stopped: Path, tiny_regdb: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(tiny_regdb, tmp_path / "moved"))
    for path in moved.glob("Visible/*/*.bmp"):
        content = path.read_bytes()
        path.write_bytes(content[:-300] + bytes(300))  # of the same size
    with pytest.raises(InputError, match="not those it was trained on"):
        Loop(settings(moved, f"train.resume={stopped}"), stopped)


def test_a_checkpoint_that_knows_its_images_by_their_names_alone_is_resumed(
    stopped: Path, tiny_regdb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = checkpoint.read

    def of_before(path: Path) -> Checkpoint:
        found = read(path)
        images = found.described.images.partition("-")[0]
        return replace(found, described=replace(found.described, images=images))

    monkeypatch.setattr(checkpoint, "read", of_before)
    assert Loop(settings(tiny_regdb, f"train.resume={stopped}"), stopped).progress.step == STEPS + 2


def test_a_folder_with_checkpoints_is_not_trained_over(stopped: Path, tiny_regdb: Path) -> None:
    with pytest.raises(InputError, match="holds the checkpoints of an earlier run"):
        Loop(settings(tiny_regdb), stopped)


@pytest.mark.slow
def test_the_best_epoch_comes_along_into_another_folder(
    tmp_path: Path, tiny_regdb: Path, steps: FakeSteps
) -> None:
    train(settings(tiny_regdb), tmp_path / "run", Requests())
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    longer = settings(tiny_regdb, f"train.resume={last}", "train.epochs=3")
    Loop(longer, tmp_path / "new")
    best = tmp_path / "new" / "checkpoints" / "best.ckpt"
    assert best.read_bytes() == last.with_name("best.ckpt").read_bytes()
    last.with_name("best.ckpt").unlink()
    loop = Loop(longer, tmp_path / "other")
    assert loop.progress.best_score is None
