"""A command line back from the folder of its sweep or run, which someone else may have written.

Only overrides come back, and of these only such as choose what a job computes: none that brings in
code or settings from elsewhere, and none that decides where files are written.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional, TypeVar

from ddag.composition import CONFIGURATION
from ddag.machine import foreign_yaml
from ddag.machine.errors import InputError
from ddag.machine.run_folders import AUTO
from ddag.settings.commands import command, override
from ddag.settings.jobs import JOBS
from ddag.settings.settings import require_folder_name
from ddag.storage import urls

SAVED = "multirun.yaml"  # the whole configuration of a sweep, as Hydra itself writes it
SWEEP_FOLDER = "${hydra.sweep.dir}"
# A run's words and settings, as Hydra itself writes them.
OVERRIDES, CONFIG = Path(".hydra", "overrides.yaml"), Path(".hydra", "config.yaml")
RESUME, RESUME_RUN = "sweep.resume", "train.resume"
MAX_WORDS, MAX_LENGTH = 256, 4096
# What is always said anew: a sweep is resumed as a sweep, and in the folder that was named.
_SAID_ANEW = (
    "hydra.mode",
    "hydra.sweep.dir",
    "hydra.job.config.override_dirname.exclude_keys",
    RESUME,
)
# What a run that is resumed does not begin with: its weights are there, and it is no sweep.
_BEGINNING = (RESUME_RUN, "model.pretrained", "sweep.list", "sweep.devices", RESUME)
# Settings of a run that its folder may not bring along, and that are typed anew.
_RETYPED = ("device.cache", "logger", "output.mirror")
_PARAMS = "hydra.sweeper.params."
_STORAGE = "hydra.sweeper.storage"
_STUDY = re.compile(r"sqlite:///([^?#%]*)/[\w-]+\.db")

Rule = Callable[[object], bool]
Parse = Callable[[str], "list[tuple[str, object]]"]
Kind = TypeVar("Kind")


class Words(NamedTuple):
    """What a sweep was typed as.

    Attributes:
        hydra: overrides of Hydra's own settings.
        task: the others.
        trials: how many trials its study has; None where it is none.
    """

    hydra: list[str]
    task: list[str]
    trials: Optional[int]


def read(folder: Path, parse: Parse, *, own: Collection[str]) -> Words:
    """The words that a sweep is resumed with.

    Args:
        folder: of the sweep.
        parse: gives each setting of a word with its value; of several, one after another.
        own: words that the user has typed, whatever they do.

    Raises:
        InputError: it is no sweep's folder, something in it leads out of it, or a word that is not
            the user's own could do harm.
    """
    file = folder / SAVED
    saved = foreign_yaml.read(file, dict)
    _refuse_ways_out(folder)
    overrides = _typed(_typed(saved, "hydra", dict, file), "overrides", dict, file)
    hydra, task = (_typed(overrides, name, list, file) for name in ("hydra", "task"))
    sweeper = _typed(saved["hydra"], "sweeper", dict, file) if "sweeper" in saved["hydra"] else {}
    trials = _typed(sweeper, "n_trials", int, file) if sweeper.get("n_trials") is not None else None
    words = Words(_come_back(hydra), _come_back(task), trials)
    again = override(RESUME, folder)
    _refuse_harm([*words.hydra, *words.task], file, parse, own=own, again=again)
    return words


def read_run(folder: Path, parse: Parse, *, own: Collection[str]) -> list[str]:
    """The words that a run is resumed with, but for those whose settings ``own`` sets.

    Raises:
        InputError: a word could do harm.
    """
    file = folder / OVERRIDES
    left_out = {*_BEGINNING, *map(key_of, own)}
    words = [word for word in foreign_yaml.read(file, list) if key_of(word) not in left_out]
    _refuse_harm(words, file, parse, own=own, again=override(RESUME_RUN, folder))
    return words


def read_tag(folder: Path) -> Optional[str]:
    """The tag of a run; none where its folder does not say one that names a folder."""
    try:
        tag = str(foreign_yaml.read(folder / CONFIG, dict).get("tag", ""))
        require_folder_name(tag)
    except InputError:
        return None
    return tag


def _refuse_harm(
    words: list[Any], file: Path, parse: Parse, *, own: Collection[str], again: str
) -> None:
    if len(words) > MAX_WORDS:
        raise InputError(f"{file}: more than {MAX_WORDS} words; no one typed that")
    harmful = []
    for word in words:
        try:
            if word not in own and not _is_harmless(word, file.parent, parse):
                harmful.append(str(word)[:200])
        except InputError as error:
            raise InputError(f"{file}: holds {error}") from error
    if harmful:
        raise InputError(
            f"{file}: holds {shlex.join(harmful)}, which could run code or write elsewhere;"
            f" if you trust it, resume with {command(again, *harmful)}"
        )


def _come_back(words: list[Any]) -> list[Any]:
    return [word for word in words if key_of(word) not in _SAID_ANEW]


def key_of(word: object) -> str:
    """What an override sets."""
    return str(word).lstrip("+~").partition("=")[0]


def is_retyped(word: str) -> bool:
    """Whether a word of a run may have to be typed anew where the run is resumed."""
    key = key_of(word)
    return any(key == each or key.startswith(f"{each}.") for each in _RETYPED)


def _refuse_ways_out(folder: Path) -> None:
    """Refuse links, through which a job would write elsewhere, and pipes, on which it would hang.

    Raises:
        InputError: there is one.
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise InputError(
                    f"{path}: is neither a file nor a folder; a sweep is resumed only where nothing"
                    " leads out of its folder"
                )


def _typed(values: dict[str, Any], key: str, kind: type[Kind], file: Path) -> Kind:
    value = values.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"{file}: has no {key} as a sweep writes it; name a folder that a sweep has made"
        )
    return value


def _is_harmless(word: object, folder: Path, parse: Parse) -> bool:
    """Whether a saved word is an override that may come back.

    An interpolation is none: it may read the environment, or unfold to any length.
    """
    if not isinstance(word, str) or not 0 < len(word) <= MAX_LENGTH or word[0] == "-":
        return False
    given = word.replace(SWEEP_FOLDER, "", 1) if key_of(word) == _STORAGE else word
    if "${" in given or "_target_" in word or re.search(r"[\x00-\x1f\x7f]", word):
        return False
    settings = [pair for key, value in parse(word) for pair in _pairs(key, value)]
    return all(_may_be(key, value, folder, parse) for key, value in settings)


def _pairs(key: str, value: object) -> Iterator[tuple[str, object]]:
    """The settings inside of a value, by dotted key."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _pairs(f"{key}.{name}", inner)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _pairs(key, inner)
    else:
        yield key, value


def _may_be(key: str, value: object, folder: Path, parse: Parse) -> bool:
    if key.startswith(_PARAMS):
        # Hydra takes it for a word as it stands here.
        word = f"{key[len(_PARAMS) :]}={value}"
        return not key_of(word).startswith("hydra") and _is_harmless(word, folder, parse)
    if key == _STORAGE:
        return value is None or _is_study_in(folder, str(value))
    if key.partition(".")[0].partition("/")[0] == "hydra":
        return key in _HYDRA and _HYDRA[key](value)
    if not re.fullmatch(r"[\w$-]+(\.[\w$-]+)*", key):  # another package, or a group inside a group
        return False
    if key in _GROUPS and not (value is None or "/" not in str(value)):
        return False  # Hydra would read a file from there
    if key.startswith("logger."):
        return False  # a server, or a folder elsewhere
    return key not in _TASK or _TASK[key](value)


def _is_study_in(folder: Path, storage: str) -> bool:
    place = _STUDY.fullmatch(storage)
    if place is None:
        return False
    return place[1] == SWEEP_FOLDER or Path(place[1]).resolve() == folder.resolve()


def _is_whole(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_name(value: object) -> bool:
    return value is None or re.fullmatch(r"[\w-]+", str(value)) is not None


def _one_of(*values: object) -> Rule:
    return lambda value: value in values


def _stays_in_its_folder(job: object) -> bool:
    return str(job) in JOBS and not JOBS[str(job)].writes_elsewhere


def _is_there(path: object) -> bool:
    """Whether a data set lies there already: people that are missing are generated."""
    if urls.is_url(path):
        from ddag.storage import copies  # rich: --help should not wait for it

        return copies.is_cached(path)
    return os.path.exists(str(path))  # noqa: PTH110, of any text, however long


_GROUPS = {path.name for path in CONFIGURATION.iterdir() if path.is_dir()}
# Of a launcher: what a job may take, and who pays for it; no command, and no cluster elsewhere.
_NUMBERS = (
    "timeout_min", "signal_delay_s", "max_num_timeout", "array_parallelism", "cpus_per_task",
    "gpus_per_node", "mem_gb", "ray.init.num_cpus", "ray.init.num_gpus", "ray.remote.num_cpus",
    "ray.remote.num_gpus", "ray.remote.max_retries",
)  # fmt: skip
_NAMES = ("name", "partition", "qos", "account", "constraint")
# Of Hydra's own settings, all that come back, and what each may be.
_HYDRA: dict[str, Rule] = {
    "hydra/launcher": _one_of("basic", "joblib", "submitit_local", "submitit_slurm", "ray"),
    "hydra/sweeper": _one_of("basic", "optuna"),
    "hydra/sweeper/sampler": _one_of("tpe", "random"),  # another keeps pickles in the study
    "hydra.launcher.n_jobs": _is_whole,
    "hydra.launcher.verbose": _is_whole,
    "hydra.launcher.timeout": _is_number,
    **{f"hydra.launcher.{name}": _is_number for name in _NUMBERS},
    **{f"hydra.launcher.{name}": _is_name for name in _NAMES},
    "hydra.sweeper.max_batch_size": _is_whole,
    "hydra.sweeper.n_trials": _is_whole,
    "hydra.sweeper.n_jobs": _is_whole,
    "hydra.sweeper.max_failure_rate": _is_number,
    "hydra.sweeper.direction": _one_of("maximize", "minimize"),
    "hydra.sweeper.study_name": _is_name,
    "hydra.sweeper.sampler.seed": _is_whole,
}
# Of ours, those by which files would be written or renamed elsewhere.
_TASK: dict[str, Rule] = {
    "job": _stays_in_its_folder,
    "job.name": _stays_in_its_folder,
    "device.cache": _one_of(None),
    "logger": _one_of(None, "tensorboard", "csv"),  # the others write elsewhere
    "output.mirror": _one_of(None),
    "dataset.root": _is_there,
    "train.resume": _one_of(None, AUTO),  # a damaged checkpoint is renamed
}
