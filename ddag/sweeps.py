"""What a sweep leaves beside its jobs: each one's result or failure, and means over repetitions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rich
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.table import Table

from ddag.files import replacing
from ddag.metrics import TITLES

log = logging.getLogger(__name__)

# Jobs that differ in these alone repeat one setting: their figures are averaged.
REPETITIONS = ("seed", "dataset.trial")


class SweepSummary(Callback):
    """Hydra's callback: writes ``summary.json`` into the sweep's folder after every job.

    Hydra runs the other jobs when one fails, and in the end shows the first failure only.
    """

    def __init__(self) -> None:
        self._jobs: list[dict[str, Any]] = []

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Note the job's result, or its error."""
        hydra = job_return.hydra_cfg.hydra  # type: ignore[union-attr]
        if hydra.mode.name != "MULTIRUN":
            return
        folder = Path(hydra.runtime.output_dir)
        job: dict[str, Any] = {"folder": folder.name, "overrides": list(job_return.overrides or [])}
        if job_return.status is JobStatus.FAILED:
            # Hydra keeps the exception where the score would be.
            job["error"] = str(job_return._return_value).splitlines()[0]
            log.error("%s failed: %s", folder.name, job["error"])
        elif (folder / "result.json").is_file():
            job["result"] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        self._jobs.append(job)
        summary = {"jobs": self._jobs, "settings": summarise(self._jobs)}
        with replacing(folder.parent / "summary.json") as draft:
            draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the means."""
        settings = summarise(self._jobs)
        if settings:
            rich.get_console().print(_table(settings))


def summarise(jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation (divisor: the job count) of the jobs of each setting.

    Args:
        jobs: each with ``overrides`` and, unless it failed, ``result``, as in ``result.json``.

    Returns:
        For each setting, in the order of its first job: ``overrides`` without repetitions,
        ``jobs`` (how many), ``mean`` and ``std`` by feature and figure, in fractions of 1.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for job in jobs:
        if "result" in job:
            kept = [each for each in job["overrides"] if each.split("=")[0] not in REPETITIONS]
            groups.setdefault(tuple(kept), []).append(job["result"]["metrics"])
    return [
        {
            "overrides": list(overrides),
            "jobs": len(results),
            "mean": _over_jobs(results, np.mean),
            "std": _over_jobs(results, np.std),
        }
        for overrides, results in groups.items()
    ]


def _over_jobs(results: Sequence[Mapping[str, Any]], statistic: Any) -> dict[str, Any]:
    return {
        feature: {
            figure: float(statistic([result[feature][figure] for result in results]))
            for figure in figures
        }
        for feature, figures in results[0].items()
    }


def _table(settings: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Mean ± standard deviation over seeds and splits", title_justify="left")
    for heading in ("setting", "features", "jobs", *TITLES.values()):
        table.add_column(heading)
    for setting in settings:
        name = " ".join(setting["overrides"]) or "-"
        for feature, means in setting["mean"].items():
            cells = [
                f"{mean:.2%} ± {setting['std'][feature][figure]:.2%}"
                for figure, mean in means.items()
            ]
            table.add_row(name, feature, str(setting["jobs"]), *cells)
    return table
