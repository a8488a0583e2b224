"""The job evaluate: scores of a checkpoint on the data set that it was trained for."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

from ddag.evaluation.evaluator import Evaluation, monitored
from ddag.evaluation.metrics import scores_by_feature
from ddag.machine.bar import bar
from ddag.machine.run_folders import RESULT
from ddag.runs import console
from ddag.runs.result import Result
from ddag.settings.jobs import EvaluateConfig
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.description import Description
from ddag.training.parts import Parts
from ddag.training.restore import Restored, open_exported, refuse_other_split, restore

log = logging.getLogger(__name__)


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
    stored = restore(settings, given, folder)
    if not job.allow_mismatch:
        refuse_other_split(stored)
    evaluator = parts.build_evaluator(
        stored.method,
        stored.learner.network,
        stored.dataset,
        stored.dataset.read_test(),
        flip=job.flip,
        reranking=job.rerank,
        exported=open_exported(stored, job.exported),
    )
    with bar("evaluating the checkpoint", evaluator.image_count()) as advance:
        evaluation = evaluator.evaluate(advance=advance)
    of, flip, reranking = stored.described, job.flip, job.rerank
    result = describe(stored, evaluation, of, stored.path, start, flip=flip, reranking=reranking)
    if job.exported is not None:
        result = replace(result, protocol={**result.protocol, "features_of": "onnx"})
    result.write(folder)
    console.show_result(result)
    log.info("Wrote %s", folder / RESULT)
    return result.score


def describe(
    built: Union[Parts, Restored],
    evaluation: Evaluation,
    described: Description,
    path: Path,
    start: float,
    *,
    flip: Optional[bool] = None,
    reranking: bool = False,
) -> Result:
    """What an evaluation found.

    Args:
        built: method and data set.
        evaluation: of the checkpoint.
        described: what the checkpoint says of itself.
        path: of the checkpoint.
        start: of the job, by ``time.monotonic``.
        flip: see ``parts.flips``.
        reranking: whether rankings are k-reciprocal.
    """
    monitor = built.method.monitor
    how = {"flip": parts.flips(built.settings, flip), "rerank": reranking}
    return Result(
        score=monitored(evaluation.mean, monitor),
        monitor=monitor,
        metrics=scores_by_feature(evaluation.mean),
        std=scores_by_feature(evaluation.deviation),
        cmc={feature: scores.cmc.tolist() for feature, scores in evaluation.mean.items()},
        protocol={**built.dataset.describe(), **how, **evaluation.first.size()},
        epoch=described.epoch,
        step=described.step,
        checkpoint={"path": str(path), "sha256": checkpoint.sha256(path)},
        seconds=round(time.monotonic() - start, 1),
    )
