"""Settings of the framework, composed as ``run.py`` would."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir

from ddag.settings import composition as config
from ddag.settings.settings import Settings

REPOSITORY = Path(__file__).parents[1]


def composed(*overrides: str) -> Settings:
    """What ``python run.py`` with these words would run by."""
    config.register()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        return config.parse(compose("config", list(overrides)))
