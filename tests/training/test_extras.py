"""What a run may do beside: smoothed labels, clipped gradients, an average, an early end.

A run is small, but its steps are real.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import small
from method_contract import batch_of, state
from typed import TINY, parse

from ddag.machine.interruption import Requests, Stopped
from ddag.runs.tracking import Tracker
from ddag.settings.settings import Settings
from ddag.training import checkpoint, loop, parts
from ddag.training.loop import Loop
from ddag.training.progress import Progress
from ddag.training.restore import restore
from ddag.training.step import Trainer


def settings(data: Path, *words: str) -> Settings:
    ours = [word for word in TINY if not word.startswith("model.") or "backbone" in word]
    given = ["model=baseline", "dataset=regdb", f"dataset.root={data}", *ours, *words]
    return parse(*given, "device.mode=pynative")


def train(chosen: Settings, run: Path, requests: Requests | None = None) -> Loop:
    run.mkdir(parents=True, exist_ok=True)
    trained = Loop(chosen, run)
    with Tracker(run, {}, first=trained.progress.epoch + 1) as tracker:
        trained.train(tracker, requests or Requests())
    return trained


def held(run: Path, name: str) -> dict[str, np.ndarray]:
    """Weights and training state of a checkpoint."""
    stored = checkpoint.read(run / "checkpoints" / name)
    return {key: each.asnumpy() for part in (stored.weights, stored.optimizer)
            for key, each in part.items()}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("loss.smoothing=0.1",),
        ("optimizer.clip=0.1",),
        ("train.ema=0.5",),
        ("train.patience=1",),
        ("device.precision=fp16",),
    ],
    ids=lambda words: words[0],
)
def test_a_run_with_each_resumes_to_the_bit(
    words: tuple[str, ...], tmp_path: Path, tiny_regdb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(tiny_regdb, *words)
    train(chosen, tmp_path / "whole")
    requests, take = Requests(), Trainer.step

    def stop_after(trainer: Trainer, batch: Any, **place: Any) -> Any:
        if (place["epoch"], place["position"]) == (1, 0):
            requests.hear(signal.SIGINT, None)
        return take(trainer, batch, **place)

    monkeypatch.setattr(Trainer, "step", stop_after)
    with pytest.raises(Stopped):
        train(chosen, tmp_path / "stopped", requests)
    monkeypatch.setattr(Trainer, "step", take)
    train(settings(tiny_regdb, *words, "train.resume=auto"), tmp_path / "stopped")
    for name in ("last.ckpt", "best.ckpt"):
        one, other = held(tmp_path / "whole", name), held(tmp_path / "stopped", name)
        assert one.keys() == other.keys()
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], f"{name} {key}")


@pytest.mark.slow
def test_the_best_holds_the_average_and_the_last_both(tmp_path: Path, tiny_regdb: Path) -> None:
    chosen = settings(tiny_regdb, "train.ema=0.5", "train.epochs=1")
    trained = train(chosen, tmp_path)
    best, last = held(tmp_path, "best.ckpt"), held(tmp_path, "last.ckpt")
    assert not any(key.startswith("ema.") for key in best)
    for key, value in best.items():
        np.testing.assert_array_equal(value, last[f"ema.{key}"])
    moved = [key for key, value in best.items() if (value != last[key]).any()]
    assert {each.name for each in trained.parts.learner.trainable_params()} <= set(moved)
    assert "bottleneck.moving_mean" in moved
    # The weights themselves go on from where they were.
    for key, value in state(trained.parts.learner).items():
        np.testing.assert_array_equal(value, last[key])
    path = tmp_path / "checkpoints" / "last.ckpt"
    restored = restore(parse("job=evaluate", f"checkpoint={path}"), [])
    for key, value in state(restored.learner).items():
        np.testing.assert_array_equal(value, best[key])


@pytest.mark.slow
def test_what_is_off_leaves_no_trace(tmp_path: Path, tiny_regdb: Path) -> None:
    chosen = settings(tiny_regdb, "train.epochs=1")
    built = parts.build(chosen)
    assert built.state is built.optimizer
    assert built.average is None
    train(chosen, tmp_path)
    assert not any("ema." in key for key in held(tmp_path, "last.ckpt"))


@pytest.mark.slow
def test_pretrained_weights_begin_the_average(tmp_path: Path, tiny_regdb: Path) -> None:
    train(settings(tiny_regdb, "train.epochs=1"), tmp_path / "first")
    path = tmp_path / "first" / "checkpoints" / "best.ckpt"
    words = (f"model.pretrained={path}", "train.ema=0.9", "seed=1")
    (tmp_path / "second").mkdir()
    begun = Loop(settings(tiny_regdb, *words), tmp_path / "second").parts
    assert begun.average is not None
    for mean, weight in zip(begun.average.means, begun.average.weights):
        np.testing.assert_array_equal(mean.asnumpy(), weight.asnumpy())


def movement(*words: str, clip: float | None) -> tuple[dict[str, np.ndarray], float]:
    """The weights after a first step of SGD at rate 1, and how far all of them went."""
    given = ("optimizer=sgd", "optimizer.backbone_scale=1", "optimizer.weight_decay=0")
    method, learner = small("baseline", *given, *words)
    before = state(learner)
    optimizer = parts.build_optimizer(method, learner, [1.0])
    trainer = Trainer(learner, optimizer, seed=0, clip=clip)
    trainer.step(batch_of(method), epoch=0, position=0, scalars={})
    after = state(learner)
    moved = [np.square(after[each.name] - before[each.name]).sum(dtype=np.float64)
             for each in learner.trainable_params()]  # fmt: skip
    return after, float(np.sqrt(sum(moved)))


@pytest.mark.slow
def test_gradients_are_shortened_together_to_the_norm_asked_for() -> None:
    # The first step of Nesterov's momentum 0.9 goes 1.9 times the gradient.
    free, far = movement(clip=None)
    assert far > 1.9
    assert movement(clip=0.5)[1] == pytest.approx(1.9 * 0.5, rel=1e-3)
    within, _ = movement(clip=far)
    for name, value in free.items():
        np.testing.assert_array_equal(value, within[name])


@pytest.mark.slow
def test_a_run_ends_once_its_scores_have_not_risen_for_so_many_epochs(
    tmp_path: Path, tiny_regdb: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    scores = iter([0.2, 0.3, 0.1, 0.3, 0.4, 0.4])
    monkeypatch.setattr(loop, "monitored", lambda *_: next(scores))
    losses = dict.fromkeys(("loss", "loss_id", "loss_triplet"), 1.0)
    monkeypatch.setattr(Trainer, "step", lambda *_, **__: losses)
    words = ("train.patience=2", "train.epochs=6")
    with caplog.at_level("INFO"):
        trained = train(settings(tiny_regdb, *words), tmp_path)
    assert (trained.progress.epoch, trained.progress.best_epoch) == (4, 2)
    said = "train.patience=2: no better feat/rank1 since epoch 2; the run ends after epoch 4"
    assert said in caplog.messages
    # Resumed, it stays at its end, unless it is told to wait longer.
    resumed = train(settings(tiny_regdb, *words, "train.resume=auto"), tmp_path)
    assert resumed.progress.epoch == 4
    longer = ("train.patience=0", "train.epochs=6", "train.resume=auto")
    assert train(settings(tiny_regdb, *longer), tmp_path).progress.best_epoch == 5


@pytest.mark.parametrize(
    ("epoch", "best", "patience", "stale"),
    [(4, 2, 2, True), (4, 2, 3, False), (4, 2, 0, False), (4, None, 1, False), (4, 4, 1, False)],
)
def test_a_run_is_stale_by_the_epochs_since_its_best(
    epoch: int, best: int | None, patience: int, stale: bool
) -> None:
    assert Progress((), epoch=epoch, best_epoch=best).is_stale(patience) is stale
