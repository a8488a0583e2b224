"""The jobs that need the network: train, and evaluate a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ddag import build, checkpoint, restore, sources, tracking
from ddag.evaluate import Evaluation
from ddag.job_settings import EvaluateConfig
from ddag.settings import Settings
from ddag.tracking import progress
from ddag.training import BEST, Training, figure


def train(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Train, evaluate the best epoch on every gallery, and return its score.

    Args:
        settings: of the run.
        folder: for everything that the run leaves.
        given: not used, a training knows all its settings.

    Raises:
        InputError: settings, data set or checkpoint do not work.
    """
    start = time.monotonic()
    build.configure_device(settings)
    training = Training(settings, folder)
    untrained = training.evaluate() if settings.train.eval_start else None
    with tracking.Tracker(folder) as tracker:
        if untrained:
            tracker.log(0, tracking.flat("eval", untrained.mean))
        training.run(tracker)
    evaluation, meta = training.evaluate_best()
    best = folder / "checkpoints" / BEST
    result = describe(settings, evaluation, meta, best, start)
    if untrained:
        result["untrained"] = tracking.figures(untrained.mean)
    report(folder, result, evaluation, untrained)
    tracking.show_next_commands(folder, best)
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
    test_set = sources.read_test(stored.settings.dataset)
    evaluator = build.build_evaluator(
        stored.settings, stored.network, test_set, flip=job.flip, reranking=job.rerank
    )
    with progress("evaluating", evaluator.picture_count()) as advance:
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
    report(folder, result, evaluation, None)
    return float(result["score"])


JOBS: dict[str, Callable[[Settings, Path, Sequence[str]], float]] = {
    "train": train,
    "evaluate": evaluate,
}


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
        "metrics": tracking.figures(evaluation.mean),
        "std": tracking.figures(evaluation.deviation),
        "protocol": {**sources.describe(settings.dataset), "flip": flip, "rerank": reranking},
        "epoch": meta["epoch"],
        "step": meta["step"],
        "checkpoint": {"path": str(path), "sha256": checkpoint.sha256(path)},
        "seconds": round(time.monotonic() - start, 1),
    }


def report(
    folder: Path, result: dict[str, Any], evaluation: Evaluation, untrained: Optional[Evaluation]
) -> None:
    """Write result.json and print the table."""
    tracking.write_result(folder, result)
    rows = {
        f"{name}, untrained": each for name, each in (untrained.mean if untrained else {}).items()
    }
    rows.update(evaluation.mean)
    protocol = ", ".join(f"{key} {value}" for key, value in result["protocol"].items())
    made = f"epoch {result['epoch']}, {result['step']} steps"
    checkpoint_hash = result["checkpoint"]["sha256"][:12]
    title = f"{protocol}; {made}, checkpoint {checkpoint_hash}"
    tracking.show_scores(title, rows, evaluation.deviation)
