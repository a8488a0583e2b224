"""The door: python run.py dataset=regdb model.part=0. Configuration in, one job run."""

import sys
from pathlib import Path
from typing import Optional

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from ddag import jobs
from ddag.runs import sweeps
from ddag.settings import composition as config
from ddag.settings.endings import one_line_errors

config.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(composed: DictConfig) -> Optional[float]:
    """Return the score that a sweeper maximises."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)

    def job() -> float:
        given, place = hydra_config.overrides.task, config.place(hydra_config)
        return jobs.run(config.parse(composed), folder, given, place)

    if hydra_config.mode is RunMode.MULTIRUN:
        return sweeps.attempt(job, folder, resuming=composed.sweep.resume is not None)
    with one_line_errors():
        return job()


if __name__ == "__main__":
    with one_line_errors():
        sys.argv[1:] = sweeps.expand_resume(sys.argv[1:])
        main()
