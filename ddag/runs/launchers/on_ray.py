"""Jobs as tasks of Ray."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher
from omegaconf import OmegaConf

from ddag.machine.interruption import STOP
from ddag.machine.processors import available
from ddag.runs.launchers.job import Job, Work, compose, dead
from ddag.runs.launchers.watch import Sent, see_through

# Before Ray is imported, here and in its workers: it loads protobuf before a job could ask for the
# implementation that MindSpore works with.
PROTOBUF = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
for _name, _value in {
    **PROTOBUF,
    "RAY_DEDUP_LOGS": "0",  # lines of several jobs are alike
    "RAY_COLOR_PREFIX": "0",  # what is printed may be a file
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a job that asks for no GPU sees what it would
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to Ray's makers
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402

log = logging.getLogger(__name__)

_OBJECTS = 78_643_200  # bytes for what tasks exchange, the least that Ray takes: it is a score each


class OfRay(Sent):
    """A task; Ray itself shows what it prints."""

    def __init__(self, job: Job, task: Any) -> None:
        super().__init__(job)
        self._task = task

    def is_over(self) -> bool:
        """Whether the task has given something back, or cannot any more."""
        done, _ = ray.wait([self._task], timeout=0)
        return bool(done)

    def outcome(self) -> JobReturn:
        """What it gave back, or why it did not."""
        try:
            returned: JobReturn = ray.get(self._task)
            return returned
        except ray.exceptions.RayError as error:
            lines = str(error).strip().split("\n")
            said = lines[-1 if isinstance(error, ray.exceptions.RayTaskError) else 0]
            return dead(self.job, f"{type(error).__name__}: {said}")

    def show(self) -> None:
        """Nothing: Ray shows it."""

    def stop(self) -> None:
        """Ask the task by what Ctrl-C is to it."""
        ray.cancel(self._task)


class Ray(RayLauncher):
    """``hydra/launcher=ray``."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Hand the jobs to Ray, which runs as many at a time as fit, and wait for all of them."""
        jobs = compose(self, job_overrides, initial_job_idx)
        given = OmegaConf.to_container(self.ray_cfg, resolve=True)
        assert isinstance(given, dict)
        _begin(_said(given["init"]))
        remote = ray.remote(**_said(given["remote"]))(_run)
        log.info("%d jobs for Ray", len(jobs))
        try:
            return see_through(
                jobs, lambda job: OfRay(job, remote.remote(Work(self, job))), at_once=len(jobs)
            )
        except BaseException:
            ray.shutdown()  # a sweep that is stopped ends too abruptly for Ray to notice
            raise


def _begin(given: dict[str, Any]) -> None:
    """Join a cluster or start one; a second batch of jobs finds it there."""
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"logging_level": logging.WARNING}
    if "address" in given:
        options["runtime_env"] = {"env_vars": PROTOBUF}
    else:
        options["num_cpus"] = len(available().cores)
        options.update(object_store_memory=_OBJECTS, include_dashboard=False)
    before = {number: signal.getsignal(number) for number in STOP}
    ray.init(**{**options, **given})
    # Ray takes these over, and aborts the program three seconds after one, saved or not.
    for number, handler in before.items():
        signal.signal(number, handler)


def _run(work: Work) -> JobReturn:
    return work()


def _said(options: dict[str, Any]) -> dict[str, Any]:
    """Options that have a value; Ray has its own for the others."""
    return {key: value for key, value in options.items() if value is not None}
