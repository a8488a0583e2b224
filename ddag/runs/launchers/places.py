"""Where a job stands among those that run at the same time, and what it has from there."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from hydra.conf import HydraConf
from hydra.types import RunMode
from omegaconf import DictConfig

from ddag.machine import places
from ddag.machine.processors import ALONE, Place, available
from ddag.machine.run_folders import AUTO, saved

log = logging.getLogger(__name__)


def at_once(config: HydraConf) -> int:
    """How many jobs of a sweep its launcher runs at the same time on a machine like this one."""
    launcher = config.launcher
    if config.mode is not RunMode.MULTIRUN:
        return 1
    cores = len(available().cores)
    if "n_jobs" in launcher:
        asked = int(launcher.n_jobs)
        # As joblib counts: -1 is all processors, -2 all but one.
        return asked if asked > 0 else max(1, cores + 1 + asked)
    each = launcher.ray.remote.num_cpus if "ray" in launcher else launcher.get("cpus_per_task")
    return max(1, cores // math.ceil(each)) if each else 1


def place(config: HydraConf) -> Place:
    """The place of a job, which its process then holds to its end."""
    jobs = at_once(config)
    if jobs == 1:
        return ALONE
    return Place(places.take(Path(config.sweep.dir) / places.FOLDER, jobs), jobs)


def settle(composed: DictConfig, place: Place, folder: Path) -> None:
    """Give a job of a sweep the device of its place; where it was begun before, it resumes.

    Args:
        composed: the job's settings; changed.
        place: the job's.
        folder: the job's run folder.
    """
    if composed.sweep.devices is not None:
        composed.device.id += place.number
        log.info("Computing on device %d", composed.device.id)
    if composed.train.resume is None and saved(folder):
        composed.train.resume = AUTO
