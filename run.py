"""The door: python run.py dataset=regdb model.part=0. Configuration in, one job run."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ddag import config
from ddag.command_line import one_line_errors

config.register()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(composed: DictConfig) -> float:
    """Return the score that a sweeper maximises."""
    settings = config.parse(composed)
    # MindSpore takes seconds to import; --help, --cfg and wrong settings should not wait for it.
    from ddag import experiment

    return experiment.run(settings, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    with one_line_errors():
        main()
