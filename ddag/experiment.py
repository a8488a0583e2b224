"""The jobs that need the network: train, and evaluate a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ddag import build, checkpoint, config, sources, tracking
from ddag.evaluate import Evaluation
from ddag.settings import Settings
from ddag.training import BEST, Training, figure


def train(settings: Settings, folder: Path) -> float:
    """Train, evaluate the best epoch on every gallery, and return its score.

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
    evaluation, epoch = training.evaluate_best()
    result = describe(settings, evaluation, epoch, start)
    if untrained:
        result["untrained"] = tracking.figures(untrained.mean)
    report(folder, result, evaluation, untrained)
    tracking.show_next_commands(folder, folder / "checkpoints" / BEST)
    return float(result["score"])


def evaluate(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Evaluate a checkpoint by the settings it was trained with, and return its score.

    Args:
        settings: name the checkpoint and the device.
        folder: for result.json.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint or its data set does not work.
    """
    start = time.monotonic()
    build.configure_device(settings)
    path = Path(str(settings.checkpoint))
    stored = checkpoint.read(path)
    settings = config.restore(stored.meta["settings"], settings, given)
    network = build.build_network(settings, stored.meta["identities"])
    checkpoint.load_weights(network, stored, path)
    test_set = sources.read_test(settings.dataset)
    evaluation = build.build_evaluator(settings, network, test_set).evaluate()
    result = describe(settings, evaluation, stored.meta["epoch"], start)
    report(folder, {**result, "checkpoint": str(path)}, evaluation, None)
    return float(result["score"])


def describe(
    settings: Settings, evaluation: Evaluation, epoch: int, start: float
) -> dict[str, Any]:
    """The content of result.json, figures in fractions of 1."""
    return {
        "score": figure(evaluation.mean, settings.monitor),
        "metrics": tracking.figures(evaluation.mean),
        "std": tracking.figures(evaluation.deviation),
        "protocol": sources.describe(settings.dataset),
        "epoch": epoch,
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
    tracking.show_scores(f"Epoch {result['epoch']} on {protocol}", rows, evaluation.deviation)
