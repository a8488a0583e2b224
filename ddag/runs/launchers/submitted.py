"""Jobs as processes of their own, by submitit: on this machine, or as jobs of Slurm."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

# Its own log, which says of each job what is said here: before it is imported, and in the jobs.
os.environ.setdefault("SUBMITIT_LOG_LEVEL", "CRITICAL")

import submitit
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_submitit_launcher import submitit_launcher
from submitit.core.utils import DelayedSubmission, UncompletedJobError

from ddag.runs.launchers.job import Job, Work, compose, dead
from ddag.runs.launchers.places import at_once
from ddag.runs.launchers.watch import Log, Sent, see_through

log = logging.getLogger(__name__)

FOLDER = ".submitit"  # in the sweep's: what the jobs print, and what is sent to them
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ASK_EVERY = 15.0  # seconds between two questions to Slurm
_WAIT = 15.0  # seconds until a file that another machine wrote is seen here


class Submitted(Work):
    """A job as submitit runs it: told before its time is up, it saves and is started again."""

    def __init__(self, launcher: Any, job: Job, environment: Mapping[str, Optional[str]]) -> None:
        """Take the job, and variables to set there, or to unset."""
        super().__init__(launcher, job)
        self._environment = dict(environment)

    def __call__(self) -> JobReturn:
        """Run the job, or what is left of it."""
        for name, value in self._environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        # Until a training hears it; submitit has it ignored.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        return super().__call__()

    def checkpoint(self) -> DelayedSubmission:
        """What submitit starts again: the same job, which finds what it has saved."""
        return DelayedSubmission(self)


class OfSubmitit(Sent):
    """A job that submitit has sent off."""

    def __init__(self, job: Job, sent: submitit.Job[JobReturn]) -> None:
        super().__init__(job)
        self._sent, self._log = sent, Log(sent.paths.stdout, job.label)

    def show(self) -> None:
        """Print what it has printed since the last time."""
        self._log.show()

    def outcome(self) -> JobReturn:
        """What it gave back; where it gave back nothing, why."""
        paths = self._sent.paths
        printed = f"what it printed is in {os.path.relpath(paths.stdout, self.job.folder)}"
        try:
            if not self._has_result():
                return dead(self.job, f"{self._ending()}; {printed}")
            returned: JobReturn = self._sent.result()
            return returned
        except UncompletedJobError as error:  # it broke before the job itself began
            parts = re.split(r"\n-{5,}\n", str(error))
            trace = parts[min(1, len(parts) - 1)].strip()
            return dead(self.job, f"{trace.splitlines()[-1]}; {printed}")
        finally:
            for pickled in (paths.submitted_pickle, paths.result_pickle):
                pickled.unlink(missing_ok=True)

    def _has_result(self) -> bool:
        return bool(self._sent.paths.result_pickle.exists())

    def _ending(self) -> str:
        """How it ended that has left no result."""
        return "its process was ended from outside, as a kill or a lack of memory does"


class HereOfSubmitit(OfSubmitit):
    """A process of this machine."""

    def is_over(self) -> bool:
        """Whether the process that watches over it has ended."""
        return bool(self._sent.done())

    def stop(self) -> None:
        """Ask the job, through the process that watches over it."""
        if self._sent._process.poll() is None:
            self._sent._process.terminate()


class OfSlurm(OfSubmitit):
    """A job of Slurm, of which squeue knows as long as it waits or runs."""

    def __init__(self, job: Job, sent: submitit.Job[JobReturn]) -> None:
        super().__init__(job, sent)
        self._asked = time.monotonic()

    def is_over(self) -> bool:
        """Whether it has left a result, or is no longer Slurm's."""
        if self._has_result():
            return True
        if time.monotonic() - self._asked < _ASK_EVERY:
            return False
        self._asked = time.monotonic()
        # Not by sacct, which submitit asks: many a cluster keeps no accounts.
        done = _ask("squeue", "--noheader", "--array", f"--jobs={self._sent.job_id}")
        known = done.returncode == 0 and bool(done.stdout.strip())
        lost = done.returncode != 0 and "Invalid job id" not in done.stderr  # asked in vain
        return not known and not lost

    def stop(self) -> None:
        """Have Slurm end it: it gets the time that the cluster's KillWait gives it to save."""
        self._sent.cancel(check=False)

    def _has_result(self) -> bool:
        """Whether its result is there, for which the folder is looked through anew."""
        return super()._has_result() or self._sent.paths.result_pickle.name in {
            each.name for each in self._sent.paths.folder.iterdir()
        }

    def outcome(self) -> JobReturn:
        """As of any, once a result that is on its way has had the time to come."""
        end = time.monotonic() + _WAIT
        while not self._has_result() and time.monotonic() < end:
            time.sleep(1)
        return super().outcome()

    def _ending(self) -> str:
        said = _ask("scontrol", "--oneliner", "show", "job", self._sent.job_id).stdout
        state = re.search(r"JobState=(\S+) Reason=(\S+)", said)
        return f"Slurm ended it: {state[1]}, reason {state[2]}" if state else super()._ending()


class Local(submitit_launcher.LocalLauncher):
    """``hydra/launcher=submitit_local``."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs, so many at a time as there are places, and wait for all of them."""
        jobs, base = compose(self, job_overrides, initial_job_idx), _folder(self)
        places = at_once(jobs[0].config.hydra)
        _announce(jobs, places, base)
        # submitit hides all GPUs from a job that asks for none.
        environment = {_VISIBLE: os.environ.get(_VISIBLE)}

        def send(job: Job) -> Sent:
            # A folder each: a job goes by its process's number, of which the system has few.
            executor = submitit.LocalExecutor(
                base / str(job.number), max_num_timeout=self.params["max_num_timeout"]
            )
            executor.update_parameters(
                timeout_min=self.params["timeout_min"],
                signal_delay_s=self.params["signal_delay_s"],
                stderr_to_stdout=True,
            )
            with _ctrl_c_unheard():
                sent = executor.submit(Submitted(self, job, environment))
            return HereOfSubmitit(job, sent)

        return see_through(jobs, send, at_once=places)


class Slurm(submitit_launcher.SlurmLauncher):
    """``hydra/launcher=submitit_slurm``."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit the jobs as an array, and wait for all of them."""
        jobs, base = compose(self, job_overrides, initial_job_idx), _folder(self)
        executor = slurm_executor(self.params, base)
        parallelism = min(len(jobs), self.params["array_parallelism"])
        _announce(jobs, parallelism, base)
        submitted = iter(executor.submit_array([Submitted(self, job, {}) for job in jobs]))
        for link in base.glob(".submission_file_*"):  # a sweep is not resumed where a link is
            link.unlink()
        return see_through(jobs, lambda job: OfSlurm(job, next(submitted)), at_once=len(jobs))


def slurm_executor(params: Mapping[str, Any], folder: Path) -> submitit.AutoExecutor:
    """What submits with the options of ``conf/hydra/launcher/submitit_slurm.yaml``."""
    shared = ("name", "timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node")
    executor = submitit.AutoExecutor(
        folder, cluster="slurm", slurm_max_num_timeout=params["max_num_timeout"]
    )
    executor.update_parameters(
        stderr_to_stdout=True,
        **{
            key if key in shared else f"slurm_{key}": value
            for key, value in params.items()
            if key != "max_num_timeout"
        },
    )
    return executor


def _folder(launcher: Any) -> Path:
    """A new folder in the sweep's: nothing in it is of someone else, who could plant a result."""
    parent = Path(launcher.config.hydra.sweep.dir).absolute() / FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="", dir=parent))


def _announce(jobs: Sequence[Job], places: int, folder: Path) -> None:
    log.info("%d jobs, %d at a time; what they print is in %s, too", len(jobs), places, folder)


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    """What a program of Slurm's answers."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def _ctrl_c_unheard() -> Iterator[None]:
    """Have processes that are started in the block ignore Ctrl-C, which a terminal sends to all.

    What watches over a job would end it a second later. The sweep asks each job to stop instead.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
