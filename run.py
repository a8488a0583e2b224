"""The door: python run.py dataset=regdb model.part=0. Configuration in, one job run."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ddag import config, jobs
from ddag.command_line import one_line_errors

config.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(composed: DictConfig) -> float:
    """Return the score that a sweeper maximises."""
    hydra_config = HydraConfig.get()
    with one_line_errors(hydra_config.mode):
        settings = config.parse(composed)
        folder = Path(hydra_config.runtime.output_dir)
        overrides = hydra_config.overrides.task
        return jobs.run(settings, folder, overrides, config.place(hydra_config))


if __name__ == "__main__":
    with one_line_errors():
        main()
