"""A job of a sweep as a launcher sends it to a process elsewhere, and what a dead one leaves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict

from ddag.machine.errors import InputError
from ddag.machine.files import write_text
from ddag.machine.run_folders import RESULT
from ddag.runs.report.runs import ERROR, is_finished
from ddag.runs.result import Result
from ddag.settings.endings import leaving_at_once

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        number: among the sweep's jobs, from 0 on.
        config: composed, Hydra's own settings among it.
        folder: the job's run folder.
    """

    number: int
    config: DictConfig
    folder: Path

    @property
    def label(self) -> str:
        """What lines begin with that the job prints."""
        return f"[{self.number}] "


class Work:
    """What a process elsewhere is sent: a job, and all that Hydra needs to run it there."""

    def __init__(self, launcher: Any, job: Job) -> None:
        self._context, self._function = launcher.hydra_context, launcher.task_function
        self._config, self._state = job.config, Singleton.get_state()

    def __call__(self) -> JobReturn:
        """Run the job; to be called in a process of its own, which a stopped job ends at once."""
        Singleton.set_state(self._state)
        setup_globals()
        HydraConfig.instance().set_config(self._config)
        with leaving_at_once():
            return run_job(
                hydra_context=self._context,
                task_function=self._function,
                config=self._config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )


def compose(launcher: Any, overrides: Sequence[Sequence[str]], first: int) -> list[Job]:
    """The jobs that a launcher is handed, composed here: elsewhere no preset of ours is known.

    Args:
        launcher: set up by Hydra.
        overrides: of each job.
        first: number of the first of them.
    """
    jobs = []
    for number, words in enumerate(overrides, first):
        loader = launcher.hydra_context.config_loader
        config = loader.load_sweep_config(launcher.config, list(words))
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        folder = Path(config.hydra.sweep.dir) / config.hydra.sweep.subdir
        jobs.append(Job(number, config, folder))
    return jobs


def dead(job: Job, reason: str) -> JobReturn:
    """What comes back of a job whose process ended by itself: its score, where it has a result.

    Otherwise the reason, in one line, is kept in its ``error.txt``, and there is no score.
    """
    returned = JobReturn(
        overrides=OmegaConf.to_container(job.config.hydra.overrides.task),  # type: ignore[arg-type]
        status=JobStatus.COMPLETED,
    )
    if is_finished(job.folder):
        try:
            returned.return_value = Result.read(job.folder / RESULT).score
            return returned
        except InputError as error:
            reason = str(error)
    write_text(job.folder / ERROR, f"{reason}\n")
    log.error("%sfailed: %s", job.label, reason)
    return returned
