"""The job evaluate: scores of a checkpoint on the data set that it was trained for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from ddag.evaluation.evaluator import Evaluation, monitored
from ddag.evaluation.metrics import scores_by_feature
from ddag.machine.bar import bar
from ddag.runs import console
from ddag.runs.result import Result
from ddag.settings.jobs import EvaluateConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.checkpoint import Description
from ddag.training.parts import Parts
from ddag.training.restore import Restored, refuse_other_split, restore


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Evaluate a checkpoint by the settings of its run, and return its score.

    Args:
        settings: name the checkpoint and the device.
        folder: for result.json.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint or its data set does not work, or it was trained on another
            split than it is to be evaluated on.
    """
    start = time.monotonic()
    job = settings.job_as(EvaluateConfig)
    parts.configure_device(settings)
    stored = restore(settings, given)
    if not job.allow_mismatch:
        refuse_other_split(stored)
    evaluator = parts.build_evaluator(
        stored.method,
        stored.learner.network,
        stored.dataset,
        stored.dataset.read_test(),
        flip=job.flip,
        reranking=job.rerank,
    )
    with bar("evaluating", evaluator.image_count()) as advance:
        evaluation = evaluator.evaluate(advance=advance)
    result = describe(
        stored,
        evaluation,
        stored.described,
        stored.path,
        start,
        flip=job.flip,
        reranking=job.rerank,
    )
    result.write(folder)
    console.show_result(result)
    return result.score


def describe(
    built: Union[Parts, Restored],
    evaluation: Evaluation,
    described: Description,
    path: Path,
    start: float,
    *,
    flip: bool = False,
    reranking: bool = False,
) -> Result:
    """What an evaluation found.

    Args:
        built: method and data set.
        evaluation: of the checkpoint.
        described: what the checkpoint says of itself.
        path: of the checkpoint.
        start: of the job, by ``time.monotonic``.
        flip: whether features were averaged with the mirror image's.
        reranking: whether rankings are k-reciprocal.
    """
    monitor = built.method.monitor
    return Result(
        score=monitored(evaluation.mean, monitor),
        monitor=monitor,
        metrics=scores_by_feature(evaluation.mean),
        std=scores_by_feature(evaluation.deviation),
        cmc={feature: scores.cmc.tolist() for feature, scores in evaluation.mean.items()},
        protocol={**built.dataset.describe(), "flip": flip, "rerank": reranking},
        epoch=described.epoch,
        step=described.step,
        checkpoint={"path": str(path), "sha256": checkpoint.sha256(path)},
        seconds=round(time.monotonic() - start, 1),
    )
