"""What run.py, ``ddag`` and ``python -m ddag`` do: configuration in, one job run."""

import sys
from pathlib import Path
from typing import Optional

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ddag import composition, jobs
from ddag.machine import environment, interruption, processors
from ddag.machine.processors import Place
from ddag.runs import sweeps
from ddag.settings import history
from ddag.settings.choices import Target
from ddag.settings.endings import one_line_errors
from ddag.settings.jobs import JOBS


def main() -> None:
    """Do what the command line says."""
    composition.register()
    with one_line_errors():
        sys.argv[1:] = history.translate(sweeps.expand_resume(sys.argv[1:]))
        run()


@hydra.main(version_base="1.3", config_path=str(composition.CONFIGURATION), config_name="config")
def run(composed: DictConfig) -> Optional[float]:
    """Run one job; the score that a sweeper maximises."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)

    def job() -> float:
        _make_ready(composed, composition.place(hydra_config))
        return jobs.run(composition.parse(composed), folder, hydra_config.overrides.task)

    if hydra_config.mode is RunMode.MULTIRUN:
        return sweeps.attempt(job, folder, resuming=composed.sweep.resume is not None)
    with one_line_errors():
        return job()


def _make_ready(composed: DictConfig, place: Place) -> None:
    """Settle what must be before MindSpore is imported, where the job will do that."""
    job = JOBS.get(str(OmegaConf.select(composed, "job.name")))
    if job is None or not job.computes:
        return
    interruption.shield()  # before NumPy starts threads, too
    device = composition.parse_device(composed)
    if device.threads or device.target is Target.CPU:
        processors.claim(device.threads, place)
    environment.prepare()
