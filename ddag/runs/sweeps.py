"""Sweeps: their jobs listed or resumed, failures kept, a leaderboard beside the jobs."""

from __future__ import annotations

import itertools
import logging
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Optional

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from ddag import composition
from ddag.machine.errors import InputError, require
from ddag.machine.files import claimed, remove, replacing, require_writable, write_text
from ddag.machine.interruption import Requeued
from ddag.machine.places import FOLDER as PLACES
from ddag.machine.run_folders import RESULT
from ddag.machine.words import printable
from ddag.runs import sweep_checks
from ddag.runs.launchers import chosen
from ddag.runs.report.comparison import read_baseline
from ddag.runs.report.leaderboard import compare
from ddag.runs.report.runs import ERROR, is_finished, read_error, read_runs
from ddag.runs.result import Result
from ddag.runs.resuming import settings_in
from ddag.runs.saved_words import RESUME, SAVED, key_of
from ddag.settings import commands
from ddag.settings.endings import is_bad_input, one_line, one_line_errors
from ddag.settings.settings import require_folder_name

log = logging.getLogger(__name__)

UNNAMED = "hydra.job.config.override_dirname.exclude_keys"  # settings not in a folder's name
MAX_JOBS = 10_000
FAILED = 1  # exit code of a sweep in which a job failed, or of a bug in what is done between jobs
# Not on the callback, which launchers of several processes copy to each.
_claim = ExitStack()


def attempt(job: Callable[[], float], folder: Path, *, resuming: bool) -> Optional[float]:
    """Score of one job of a sweep; none if it fails, so that the others go on.

    Args:
        job: what to do.
        folder: the job's; a failure is kept there in ``error.txt``.
        resuming: take the score of a job that has its result already.
    """
    record = folder / ERROR
    record.unlink(missing_ok=True)
    if resuming and is_finished(folder):
        try:
            return Result.read(folder / RESULT).score
        except InputError as error:
            log.warning("%s; the job is run anew", error)
    try:
        return job()
    except Exception as error:  # whatever a job dies of, the others go on
        text = one_line(error) if is_bad_input(error) else _with_traceback(error)
    except Requeued:
        raise
    except BaseException:
        log.info("To resume: %s", commands.command(commands.override(RESUME, folder.parent)))
        raise
    write_text(record, f"{text}\n")
    log.error("failed: %s", text)
    return None


class Sweep(Callback):
    """Hydra's callback: what a sweep does before, between and after its jobs."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse what is said of a sweep where none is, and a folder that cannot be written to."""
        with _deciding():
            none = "no sweep is given; add sweep=NAME"
            require(not config.sweep.list, "sweep.list", "true", none)
            devices = config.sweep.devices
            require(devices is None, "sweep.devices", devices, none)
            sweep_checks.refuse_unread_resume(config)
            require_folder_name(config.tag)
            require_writable(Path(config.hydra.run.dir), "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse what cannot be swept, list the jobs if asked to, or claim the sweep's folder."""
        with _deciding():
            sweep_checks.refuse_unread_resume(config)
            require_folder_name(config.tag)
            sweep_checks.refuse_what_hydra_breaks_on(config)
            jobs = _jobs(config)
            sweep_checks.refuse_several_devices(config, jobs)
            _settle_folders(config, jobs)
            _settle_devices(config)
            if config.sweep.list:
                _list(config, jobs)
                sys.exit()
            folder = Path(config.hydra.sweep.dir)
            require_writable(folder, "hydra.sweep.dir")
            chosen.stand_in(config.hydra.launcher)
            _claim.enter_context(claimed(folder))
            if config.sweep.resume is None:
                with replacing(folder / SAVED) as draft:
                    OmegaConf.save(config, draft)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Refresh the report; whether the sweep has one, its end decides."""
        if config.hydra.mode.name == "MULTIRUN":
            try:
                _report(config)
            except (InputError, OSError) as error:
                log.warning("The report is not refreshed: %s", one_line(error))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Show the leaderboard and each failure; end the program with 1 if there is one."""
        folder = Path(config.hydra.sweep.dir)
        with _deciding(), _claim:
            remove(folder / PLACES)
            try:
                _report(config, shown=True)
            finally:
                failures = sorted(folder.rglob(ERROR))
                for record in failures:
                    print(f"error: {_failure(record.parent)}", file=sys.stderr)
            if failures:
                sys.exit(FAILED)


@contextmanager
def _deciding() -> Iterator[None]:
    """End the program where the block fails: of a callback's exception Hydra makes a warning."""
    try:
        with one_line_errors():
            yield
    except Exception:
        traceback.print_exc()
        sys.exit(FAILED)


def _jobs(config: DictConfig) -> list[list[str]]:
    """Overrides of each job; of none where the sweeper chooses them one by one."""
    params = [f"{key}={values}" for key, values in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    # By key: what is said last of a setting holds.
    overrides = {
        each.get_key_element(): each
        for each in parser.parse_overrides([*params, *config.hydra.overrides.task])
    }
    for override in overrides.values():
        _refuse_long_range(override)
        for key, value in settings_in(str(override.input_line)):
            if key == "tag" and "${" not in str(value):
                require_folder_name(str(value))
    if not sweep_checks.is_hydras_own(config.hydra.sweeper, "BasicSweeper"):
        return []
    choices = [_values(override) for override in overrides.values()]
    count = math.prod(map(len, choices))
    if not 1 <= count <= MAX_JOBS:
        raise InputError(f"a sweep of {count} jobs: sweep 1 to {MAX_JOBS}")
    return [list(job) for job in itertools.product(*choices)]


def _refuse_long_range(override: Override) -> None:
    """Refuse a range that does not end, before Hydra writes its values out."""
    value = override.value()
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None:
        length = (value.stop - value.start) / value.step if value.step else math.inf
        if not length <= MAX_JOBS:
            raise InputError(f"{override.input_line}: give a range of {MAX_JOBS} values at most")


def _values(override: Override) -> list[str]:
    """An override as each of the jobs has it."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _settle_folders(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Keep the jobs in one folder, and name theirs in it by that alone in which they differ."""
    # Hydra composes each job anew, with these words: its tag would lead it to another folder.
    words = [commands.override("hydra.sweep.dir", config.hydra.sweep.dir)]
    if len(jobs) > 1:
        same = set.intersection(*map(set, jobs))
        keys = [*OmegaConf.select(config, UNNAMED), *sorted(map(key_of, same))]
        words.append(f"{UNNAMED}={keys}")
    with open_dict(config):
        config.hydra.overrides.hydra.extend(words)


def _settle_devices(config: DictConfig) -> None:
    """Run as many jobs at a time as there are devices for, unless fewer are asked for."""
    devices, launcher = config.sweep.devices, config.hydra.launcher
    if devices is None:
        return
    beside = "a launcher that runs jobs side by side on this machine is needed"
    require("n_jobs" in launcher, "sweep.devices", devices, f"{beside}; add hydra/launcher=joblib")
    if launcher.n_jobs < 0:
        launcher.n_jobs = devices
    more = f"hydra.launcher.n_jobs={launcher.n_jobs} is more; use {devices} at most"
    require(launcher.n_jobs <= devices, "sweep.devices", devices, more)
    with open_dict(config):  # said to each job, too, which Hydra composes anew
        config.hydra.overrides.hydra.append(f"hydra.launcher.n_jobs={launcher.n_jobs}")


def _list(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Print the folder of each job and whether it is finished."""
    if not jobs:
        raise InputError("sweep.list=true: this sweeper chooses each job by those before it")
    print(f"{len(jobs)} jobs")
    loader = GlobalHydra.instance().config_loader()
    for number, overrides in enumerate(jobs):
        with composition.explaining(overrides):
            job = loader.load_sweep_config(config, list(overrides)).hydra
        with open_dict(job):
            job.job.num = number
        folder = Path(config.hydra.sweep.dir) / job.sweep.subdir
        print(f"{folder}  finished" if is_finished(folder) else folder)


def _report(config: DictConfig, *, shown: bool = False) -> None:
    """Write the report of a sweep whose jobs have scores."""
    from ddag.runs.report import files  # Matplotlib and NumPy: not for every command

    folder = Path(config.hydra.sweep.dir)
    board = compare(read_runs(folder), read_baseline(config.report.baseline))
    if board.runs:
        files.write(board, folder)
        if shown:
            files.show(board, folder)


def _failure(job: Path) -> str:
    """Why a job failed, in one line."""
    try:
        return f"{printable(job)}: {read_error(job)}"
    except InputError as error:
        return str(error)


def _with_traceback(error: Exception) -> str:
    summary = traceback.format_exception_only(type(error), error)[-1].partition("\n")[0]
    return f"{summary}\n\n{traceback.format_exc()}"
