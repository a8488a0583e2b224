"""What run.py, ``ddag`` and ``python -m ddag`` do: configuration in, one job run."""

import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Optional

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ddag import composition, jobs, worker
from ddag.machine import environment, interruption, output, processors, sharing
from ddag.machine.errors import InputError
from ddag.machine.processors import Place
from ddag.runs import launch, resuming, sweep_checks, sweeps, workers
from ddag.runs.launchers import places
from ddag.settings import history, wrong_words
from ddag.settings.choices import Target
from ddag.settings.endings import leaving_at_once, one_line_errors
from ddag.settings.jobs import JOBS


def main() -> None:
    """Do what the command line says."""
    environment.tolerate()
    output.secure()
    composition.register()
    with leaving_at_once(), one_line_errors(), output.leaving():
        if sharing.role() == sharing.SCHEDULER:
            worker.schedule()
            return
        _refuse_lost_folder()
        sys.argv[1:] = history.translate(resuming.tagged(resuming.expand(sys.argv[1:])))
        wrong_words.refuse_bare(sys.argv[1:])
        _refuse_folders_apart(sys.argv[1:])
        with composition.explaining(sys.argv[1:]):
            run()
    if output.abandoned():
        sys.exit(128 + signal.SIGPIPE)


@hydra.main(version_base="1.3", config_path=str(composition.CONFIGURATION), config_name="config")
def run(composed: DictConfig) -> Optional[float]:
    """Run one job; the score that a sweeper maximises."""
    environment.tolerate()  # a launcher may have begun here, in a process of its own
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)

    place = places.place(hydra_config)

    def job() -> float:
        _make_ready(composed, place)
        settings = workers.placed(composition.parse(composed))
        return jobs.run(settings, folder, hydra_config.overrides.task)

    if hydra_config.mode is RunMode.MULTIRUN:
        places.settle(composed, place, folder)
        alone = sweep_checks.is_hydras_own(hydra_config.launcher, "BasicLauncher")
        with nullcontext() if alone else output.labelled(f"[{hydra_config.job.num}] "):
            return sweeps.attempt(job, folder, resuming=composed.sweep.resume is not None)
    with one_line_errors():
        return job()


def _refuse_lost_folder() -> None:
    """Refuse to run where the working directory has been removed: every path begins there."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(
            f"working directory: cannot be found ({error.strerror}); change to one that is there"
        ) from error


def _refuse_folders_apart(words: list[str]) -> None:
    """Refuse to start one of several processes that would each have a run folder of its own."""
    keys = {word.partition("=")[0]: word for word in words}
    resumed = keys.get("train.resume", "").rpartition("=")[2] not in ("", "auto", "null")
    if sharing.role() and not resumed and "hydra.run.dir" not in keys:
        raise InputError(
            f"{sharing.ROLE}={sharing.role()}: hydra.run.dir=FOLDER is missing; the processes of a"
            " run share one run folder, which each would else name by its own clock"
        )


def _make_ready(composed: DictConfig, place: Place) -> None:
    """Settle what must be before MindSpore is imported, where the job will do that."""
    job = JOBS.get(str(OmegaConf.select(composed, "job.name")))
    if job is None or not job.computes:
        return
    device = composition.parse_device(composed)
    starts = launch.starts(device)
    if not starts:
        interruption.shield()  # before NumPy starts threads, too
    if device.threads or device.target is Target.CPU:
        processors.claim(device.threads, place)
    if not starts:
        environment.prepare()
