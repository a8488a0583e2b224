"""What is refused of a sweep before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from ddag.machine.errors import InputError, require
from ddag.runs.saved_words import RESUME, key_of


def refuse_unread_resume(config: DictConfig) -> None:
    """Refuse a sweep to resume whose words were not read from its folder: it would start anew.

    Raises:
        InputError: it is said in another way than the one that is read.
    """
    resume = config.sweep.resume
    if resume is None:
        return
    seen = config.hydra.mode.name == "MULTIRUN" and Path(resume) == Path(config.hydra.sweep.dir)
    require(
        seen, RESUME, resume, "type it as sweep.resume=FOLDER, with nothing else but sweep.list"
    )


def refuse_what_hydra_breaks_on(config: DictConfig) -> None:
    """Refuse values of Hydra's launcher and sweeper that these would die of, or never end with.

    Raises:
        InputError: which.
    """
    for name in ("launcher", "sweeper"):
        node = config.hydra.get(name)
        usable = isinstance(node, DictConfig) and "_target_" in node
        require(usable, f"hydra.{name}", node, f"choose one by hydra/{name}=NAME")
    launcher, sweeper = config.hydra.launcher, config.hydra.sweeper
    params = sweeper.get("params")
    are_named = params is None or isinstance(params, DictConfig)
    require(are_named, "hydra.sweeper.params", params, "name settings, each with its values")
    side_by_side = "use 1 or more, or -1 for every processor"
    require(launcher.get("n_jobs") != 0, "hydra.launcher.n_jobs", 0, side_by_side)
    _refuse_too_little_time(launcher)
    for name, least in (("n_jobs", 1), ("n_trials", 0), ("max_batch_size", 1)):
        value = sweeper.get(name)
        enough = value is None or value >= least
        require(enough, f"hydra.sweeper.{name}", value, f"use {least} or more")
    rate = sweeper.get("max_failure_rate", 0)
    require(0 <= rate <= 1, "hydra.sweeper.max_failure_rate", rate, "a share, 0 to 1")


def _refuse_too_little_time(launcher: DictConfig) -> None:
    """Refuse a limit of submitit's that ends a job before it is told so."""
    for name, least in (("timeout_min", 0), ("max_num_timeout", 0), ("cpus_per_task", 1)):
        value = launcher.get(name)
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        good = value is None or (numeric and value >= least)
        require(good, f"hydra.launcher.{name}", value, f"use a number of {least} or more")
    minutes, delay = launcher.get("timeout_min"), launcher.get("signal_delay_s")
    if minutes is not None and delay is not None:
        longer = f"use fewer seconds than hydra.launcher.timeout_min={minutes} has"
        require(0 < delay < 60 * minutes, "hydra.launcher.signal_delay_s", delay, longer)


def refuse_several_devices(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Hydra's own launcher runs all jobs in one process, and MindSpore has one device in each.

    Raises:
        InputError: the jobs differ in their device.
    """
    if not is_hydras_own(config.hydra.launcher, "BasicLauncher"):
        return
    keys = ("device", "device.target", "device.id")
    words = {word for job in jobs for word in job if key_of(word) in keys}
    if len(set(map(key_of, words))) < len(words):
        raise InputError(f"{' '.join(sorted(words))}: one process has one device; sweep each alone")


def is_hydras_own(node: DictConfig, plugin: str) -> bool:
    """Whether a launcher or sweeper is that of Hydra itself."""
    target = str(node._target_)
    return target.startswith("hydra.") and target.endswith(f".{plugin}")
