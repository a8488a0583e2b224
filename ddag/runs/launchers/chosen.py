"""The launchers here in the places of the plugins' own, which a job that dies would end."""

from __future__ import annotations

from importlib import import_module

from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from ddag.machine.errors import InputError

_SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
# By the plugin's class: option, module and class here, and the extra that brings the plugin.
_OURS = {
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher": (
        "joblib",
        "pooled",
        "Joblib",
        "parallel",
    ),
    f"{_SUBMITIT}.LocalLauncher": ("submitit_local", "submitted", "Local", "slurm"),
    f"{_SUBMITIT}.SlurmLauncher": ("submitit_slurm", "submitted", "Slurm", "slurm"),
    "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher": ("ray", "on_ray", "Ray", "ray"),
}


def stand_in(launcher: DictConfig) -> None:
    """Have Hydra find the launcher here where the configuration names that of a plugin.

    Raises:
        InputError: the plugin is not installed.
    """
    target = str(launcher._target_)
    if target not in _OURS:
        return
    option, module, name, extra = _OURS[target]
    try:
        ours = import_module(f"ddag.runs.launchers.{module}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"hydra/launcher={option}: {error.name} is not installed; run"
            f' pip install -e ".[{extra}]"'
        ) from error
    # Hydra takes plugins from packages below hydra_plugins alone, by the names in this table.
    Plugins.instance().class_name_to_class[target] = getattr(ours, name)
