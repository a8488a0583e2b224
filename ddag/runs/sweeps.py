"""Sweeps: their jobs listed or resumed, failures kept, a leaderboard beside the jobs."""

from __future__ import annotations

import itertools
import logging
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from ddag.machine.errors import InputError, require
from ddag.machine.files import replacing
from ddag.machine.run_folders import RESULT
from ddag.runs.report.leaderboard import compare
from ddag.runs.report.runs import ERROR, is_finished, read_runs
from ddag.runs.result import Result
from ddag.settings.endings import is_bad_input, one_line, one_line_errors

log = logging.getLogger(__name__)

SAVED = "multirun.yaml"  # the whole configuration of a sweep, as Hydra itself writes it
UNNAMED = "hydra.job.config.override_dirname.exclude_keys"  # settings not in a folder's name
# Of Hydra's own settings, those that a sweep is resumed with.
_HARMLESS = re.compile(r"hydra\.mode|hydra/(launcher|sweeper)|hydra\.(launcher|sweeper)\.\w+")
FAILED = 1  # exit code of a sweep in which a job failed


def attempt(job: Callable[[], float], folder: Path, *, resuming: bool) -> Optional[float]:
    """Score of one job of a sweep; none if it fails, so that the others go on.

    Args:
        job: what to do.
        folder: the job's; a failure is kept there in ``error.txt``.
        resuming: take the score of a job that has its result already.
    """
    if resuming and is_finished(folder):
        return Result.read(folder / RESULT).score
    record = folder / ERROR
    record.unlink(missing_ok=True)
    try:
        return job()
    except Exception as error:  # whatever a job dies of, the others go on
        text = one_line(error) if is_bad_input(error) else _with_traceback(error)
    except BaseException:
        log.info("To resume: python run.py sweep.resume=%s", folder.parent)
        raise
    record.write_text(f"{text}\n", encoding="utf-8")
    log.error("failed: %s", text)
    return None


def expand_resume(words: Sequence[str]) -> list[str]:
    """The command line of the sweep that ``sweep.resume=FOLDER`` names; any other as it is.

    Raises:
        InputError: the folder is none of a sweep, or something else is given that it would change.
    """
    given = [word for word in words if word.startswith("sweep.resume=")]
    if not given:
        return list(words)
    folder = Path(str(OverridesParser.create().parse_override(given[-1]).value()))
    others = [word for word in words if _key(word) not in ("sweep.resume", "sweep.list")]
    if others:
        raise InputError(f"{given[-1]}: its own settings hold; leave out {' '.join(others)}")
    if not (folder / SAVED).is_file():
        raise InputError(f"{given[-1]}: no {SAVED} in it; name the folder of a sweep")
    saved = OmegaConf.load(folder / SAVED).hydra
    kept = [*saved.overrides.hydra, *saved.overrides.task]
    kept = [word for word in kept if _key(word) not in ("hydra.sweep.dir", "sweep.resume", UNNAMED)]
    _refuse_code(kept, given[-1])
    if "train.resume" not in map(_key, kept):
        kept.append("train.resume=auto")  # a job in the middle resumes where it was
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return [*kept, f"hydra.sweep.dir='{quoted}'", *_left_to_tune(saved, folder), *words]


def _refuse_code(words: Sequence[str], given: str) -> None:
    """Refuse a saved command line that could have Hydra import and call what it names.

    Raises:
        InputError: which word.
    """
    for word in words:
        hydras = re.match(r"hydra[./]", _key(word)) and not _HARMLESS.fullmatch(_key(word))
        if hydras or "_target_" in word:
            raise InputError(
                f"{given}: {SAVED} there holds {word}, which could run code; if you trust it, type"
                " the sweep's command line anew with hydra.sweep.dir"
            )


class Sweep(Callback):
    """Hydra's callback: what a sweep does before, between and after its jobs."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse to train where only a list was asked for."""
        with one_line_errors():
            require(
                not config.sweep.list, "sweep.list", "true", "no sweep is given; add sweep=NAME"
            )

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse what cannot be swept, list the jobs if asked to, or note how to resume."""
        # Hydra turns exceptions of a callback into warnings; this ends the program instead.
        with one_line_errors():
            jobs = _jobs(config)
            _refuse_several_devices(config, jobs)
            _leave_out_of_names(config, jobs)
            if config.sweep.list:
                with suppress(BrokenPipeError):  # the reader, such as head, has seen enough
                    _list(config, jobs)
                sys.exit()
        if not config.sweep.resume:
            with replacing(Path(config.hydra.sweep.dir) / SAVED) as draft:
                OmegaConf.save(config, draft)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Refresh the report."""
        if config.hydra.mode.name == "MULTIRUN":
            _report(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Show the leaderboard and each failure; end the program with 1 if there is one."""
        folder = Path(config.hydra.sweep.dir)
        _report(folder, shown=True)
        failures = sorted(folder.glob(f"*/{ERROR}"))
        for record in failures:
            line = record.read_text(encoding="utf-8").splitlines()[0]
            print(f"error: {record.parent}: {line}", file=sys.stderr)
        if failures:
            sys.exit(FAILED)


def _jobs(config: DictConfig) -> list[list[str]]:
    """Overrides of each job; of none where the sweeper chooses them one by one."""
    if not _is_hydras_own(config.hydra.sweeper, "BasicSweeper"):
        return []
    params = [f"{key}={values}" for key, values in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    # By key: what is said last of a setting holds.
    choices = {
        each.get_key_element(): _values(each)
        for each in parser.parse_overrides([*params, *config.hydra.overrides.task])
    }
    return [list(job) for job in itertools.product(*choices.values())]


def _values(override: Override) -> list[str]:
    """An override as each of the jobs has it."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _refuse_several_devices(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Hydra's own launcher runs all jobs in one process, and MindSpore has one device in each."""
    if not _is_hydras_own(config.hydra.launcher, "BasicLauncher"):
        return
    keys = ("device", "device.target", "device.id")
    words = {word for job in jobs for word in job if _key(word) in keys}
    if len(set(map(_key, words))) < len(words):
        raise InputError(f"{' '.join(sorted(words))}: one process has one device; sweep each alone")


def _leave_out_of_names(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Name the jobs' folders by that alone in which they differ."""
    if len(jobs) < 2:
        return
    same = set.intersection(*map(set, jobs))
    keys = [*OmegaConf.select(config, UNNAMED), *sorted(map(_key, same))]
    # Hydra composes each job anew, with these words.
    with open_dict(config):
        config.hydra.overrides.hydra.append(f"{UNNAMED}={keys}")


def _list(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Print the folder of each job and whether it is finished."""
    if not jobs:
        raise InputError("sweep.list=true: this sweeper chooses each job by those before it")
    print(f"{len(jobs)} jobs")
    loader = GlobalHydra.instance().config_loader()
    for number, overrides in enumerate(jobs):
        job = loader.load_sweep_config(config, list(overrides)).hydra
        with open_dict(job):
            job.job.num = number
        folder = Path(config.hydra.sweep.dir) / job.sweep.subdir
        print(f"{folder}  finished" if is_finished(folder) else folder)


def _report(folder: Path, *, shown: bool = False) -> None:
    """Write the report of a sweep whose jobs have scores."""
    from ddag.runs.report import files  # Matplotlib and NumPy: not for every command

    board = compare(read_runs(folder))
    if board.runs:
        files.write(board, folder)
        if shown:
            files.show(board, folder)


def _left_to_tune(saved: DictConfig, folder: Path) -> list[str]:
    """How many trials a study still lacks, where the sweep is one."""
    trials = OmegaConf.select(saved, "sweeper.n_trials")
    if trials is None:
        return []
    finished = sum(is_finished(job) for job in folder.iterdir())
    return [f"hydra.sweeper.n_trials={max(0, trials - finished)}"]


def _with_traceback(error: Exception) -> str:
    summary = traceback.format_exception_only(type(error), error)[-1].partition("\n")[0]
    return f"{summary}\n\n{traceback.format_exc()}"


def _is_hydras_own(node: DictConfig, plugin: str) -> bool:
    target = str(node._target_)
    return target.startswith("hydra.") and target.endswith(f".{plugin}")


def _key(word: str) -> str:
    """What an override sets."""
    return word.lstrip("+~").partition("=")[0]
