"""The jobs that need the network: train, and evaluate a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ddag.datasets import sources
from ddag.evaluation.evaluator import Evaluation
from ddag.machine import interruption
from ddag.machine.bar import bar
from ddag.machine.files import claimed
from ddag.machine.interruption import Requests, Stopped
from ddag.machine.run_folders import CHECKPOINTS, saved
from ddag.runs import tracking
from ddag.runs.tracking import flat
from ddag.settings.composition import to_plain
from ddag.settings.jobs import EvaluateConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, restore, summaries
from ddag.training import parts as build
from ddag.training.loop import Training, figure
from ddag.training.progress import Progress


def train(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Train, evaluate the best epoch on every gallery, and return its score.

    Args:
        settings: of the run.
        folder: for everything that the run leaves.
        given: overrides of the command line, to say how an interrupted run is gone on with.

    Raises:
        InputError: settings, data set or checkpoint do not work.
        Stopped: Ctrl-C or SIGTERM; what was trained is saved.
    """
    start = time.monotonic()
    build.configure_device(settings)
    with claimed(folder / CHECKPOINTS):
        training = Training(settings, folder)
        try:
            with interruption.listening() as requests:
                evaluation, meta = _run(training, settings, folder, requests)
        except Stopped:
            if saved(folder):
                tracking.show_resume_command(given, folder)
            raise
    result = describe(settings, evaluation, meta, training.best, start)
    untrained = training.progress.untrained
    if untrained:
        result["untrained"] = untrained
    report(folder, result)
    tracking.show_next_commands(folder, training.best)
    return float(result["score"])


def evaluate(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Evaluate a checkpoint by the settings it was trained with, and return its score.

    Args:
        settings: name the checkpoint and the device.
        folder: for result.json.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint or its data set does not work, or it was trained on another
            split than it is to be evaluated on.
    """
    start = time.monotonic()
    job = settings.job
    assert isinstance(job, EvaluateConfig)
    build.configure_device(settings)
    stored = restore.network(settings, given)
    if not job.allow_mismatch:
        restore.refuse_other_split(stored)
    test_set = sources.read_test(stored.settings.dataset, stored.settings.data)
    evaluator = build.build_evaluator(
        stored.settings, stored.network, test_set, flip=job.flip, reranking=job.rerank
    )
    with bar("evaluating", evaluator.image_count()) as advance:
        evaluation = evaluator.evaluate(advance=advance)
    result = describe(
        stored.settings,
        evaluation,
        stored.meta,
        stored.path,
        start,
        flip=job.flip,
        reranking=job.rerank,
    )
    report(folder, result)
    return float(result["score"])


JOBS: dict[str, Callable[[Settings, Path, Sequence[str]], float]] = {
    "train": train,
    "evaluate": evaluate,
}


def hyperparameters(settings: Settings) -> dict[str, Any]:
    """What tells one training from another, nested: not where it runs and where its files lie."""
    plain = to_plain(settings)
    for elsewhere in ("tag", "checkpoint", "device", "job"):
        del plain[elsewhere]
    del plain["dataset"]["root"], plain["train"]["resume"]
    return plain


def describe(
    settings: Settings,
    evaluation: Evaluation,
    meta: Mapping[str, Any],
    path: Path,
    start: float,
    *,
    flip: bool = False,
    reranking: bool = False,
) -> dict[str, Any]:
    """The content of result.json, figures in fractions of 1, with all they must be read with.

    Args:
        settings: of the network and its data set.
        evaluation: of the checkpoint.
        meta: of the checkpoint.
        path: of the checkpoint.
        start: of the job, by ``time.monotonic``.
        flip: whether features were averaged with the mirror image's.
        reranking: whether rankings are k-reciprocal.
    """
    return {
        "score": figure(evaluation.mean, settings.monitor),
        "monitor": settings.monitor,
        "metrics": tracking.figures(evaluation.mean),
        "std": tracking.figures(evaluation.deviation),
        "cmc": {feature: scores.cmc.tolist() for feature, scores in evaluation.mean.items()},
        "protocol": {**sources.describe(settings.dataset), "flip": flip, "rerank": reranking},
        "epoch": meta["epoch"],
        "step": meta["step"],
        "checkpoint": {"path": str(path), "sha256": checkpoint.sha256(path)},
        "seconds": round(time.monotonic() - start, 1),
    }


def report(folder: Path, result: dict[str, Any]) -> None:
    """Write result.json and print the table."""
    tracking.write_result(folder, result)
    untrained = result.get("untrained", {})
    rows = {f"{name}, untrained": figures for name, figures in untrained.items()}
    rows.update(result["metrics"])
    protocol = ", ".join(f"{key} {value}" for key, value in result["protocol"].items())
    made = f"epoch {result['epoch']}, {result['step']} steps"
    checkpoint_hash = result["checkpoint"]["sha256"][:12]
    title = f"{protocol}; {made}, checkpoint {checkpoint_hash}"
    tracking.show_scores(title, rows, result["std"])


def _run(
    training: Training, settings: Settings, folder: Path, requests: Requests
) -> tuple[Evaluation, dict[str, Any]]:
    """Train the epochs that are left; the best epoch's scores and the meta of its checkpoint."""
    if settings.train.eval_start and training.progress == Progress():
        training.evaluate_untrained(requests)
    finished = training.progress.epoch
    first = finished + 1 if finished else 0
    with tracking.Tracker(folder, hyperparameters(settings), first=first) as tracker:
        if training.progress.untrained and not finished:
            tracker.log(0, flat("eval", training.progress.untrained))
        training.run(tracker, requests)
        evaluation, meta = training.evaluate_best(requests)
        epoch, score = meta["epoch"], figure(evaluation.mean, settings.monitor)
        tracker.show_result(epoch, score, tracking.figures(evaluation.mean))
        summaries.show_rankings(tracker, evaluation.first, settings.features[-1], epoch)
    return evaluation, meta
