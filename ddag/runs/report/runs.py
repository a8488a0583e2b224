"""Runs as they lie on disk, finished or not, for comparing them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

from ddag.datasets import DATASETS
from ddag.machine import foreign_yaml
from ddag.machine.border import LARGEST, Fields, Scalar, read_text, taking
from ddag.machine.errors import InputError
from ddag.machine.run_folders import RESULT
from ddag.machine.words import printable, shortened
from ddag.runs import epochs, provenance
from ddag.runs.result import Result
from ddag.settings.jobs import JOBS

Taken = TypeVar("Taken")

_HYDRA, _OVERRIDES = ".hydra", "overrides.yaml"
ERROR = "error.txt"  # of a run that failed: its first line says why
# Say where a run's files go, not what it does.
_NAMES = (
    "tag", "logger", "output.mirror", "sweep", "sweep.list", "sweep.resume", "sweep.devices",
    "train.resume", "report.baseline",
)  # fmt: skip
_SHOWN = 4  # values of what differs
_MEASURED = ("train", "evaluate")  # the jobs that end in scores
_DRAWING = "visualize"
_PAGE = "index.html"  # the page that this job leaves


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: the run's.
        typed: keys that were set for it on the command line or by a sweep.
        config: the settings, nested, as composed.
        choices: the option of each config group.
        result: what it came to; None as long as there is nothing.
        error: why it failed; None if it did not.
        history: lines of metrics.jsonl, one an evaluated or trained epoch.
        fault: why the folder cannot be read, and nothing of it is known; None if it can.
        words: the overrides that it was typed as.
        environment: what its numbers come from, see ``provenance.collect``.
        pictures: the page that job=visualize drew of a checkpoint of it, if there is one.
    """

    folder: Path
    typed: tuple[str, ...]
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    result: Optional[Result]
    error: Optional[str]
    history: Sequence[Mapping[str, float]]
    fault: Optional[str] = None
    words: tuple[str, ...] = ()
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    pictures: Optional[Path] = None

    @property
    def state(self) -> str:
        """``finished``, ``failed``, ``unreadable``, or ``unfinished``: running or interrupted."""
        if self.fault:
            return "unreadable"
        if self.result:
            return "finished"
        return "failed" if self.error else "unfinished"

    @property
    def monitor(self) -> str:
        """The score that the run is judged by, such as ``feat_att/rank1``; empty if none says."""
        if self.result:
            return self.result.monitor
        given = self.value("train.monitor")
        if given != "-":
            return given
        # A method's last feature is its main one.
        ranked = [name for line in self.history for name in line if name.endswith("/rank1")]
        return ranked[-1].partition("/")[2] if ranked else ""

    @property
    def split_keys(self) -> tuple[str, ...]:
        """Settings of its data set that tell one split from another."""
        said = self.result.protocol.get("dataset") if self.result else None
        try:
            return DATASETS.find(str(said or self.value("dataset.name"))).split_keys
        except InputError:  # of a package that is not installed here
            return ()

    def value(self, key: str) -> str:
        """What a setting or a config group has in this run, as it is typed; "-" without it."""
        chosen = key in self.typed or not self._is_on_checkpoint
        if chosen and self.choices.get(key) is not None:
            return as_typed(self.choices[key])
        found = self._setting(key)
        if isinstance(found, Mapping) and key in self.choices:
            found = found.get("name", found.get("kind"))
        return as_typed(found)

    @property
    def _is_on_checkpoint(self) -> bool:
        """Whether its settings are those of a checkpoint, whatever options Hydra chose."""
        job = JOBS.get(str(self._setting("job.name")))
        return job is not None and job.on_checkpoint

    def _setting(self, key: str) -> Any:
        found: Any = self.config
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def as_typed(value: object) -> str:
    """A setting's value as it is typed; "-" for none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def read_runs(folder: Path) -> list[Run]:
    """Every run that trains or evaluates in ``folder`` or below it, by number and name.

    One that cannot be read is among them, and says why. Pictures of a run are found where they lie
    in the folder or below it, too.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            f"job.folder={printable(folder)}: no such folder; name one with runs below it"
        )
    runs = [_read(path) for path in sorted(_find(folder), key=_order)]
    drawn = dict(filter(None, map(_drawn, runs)))  # the newest of several
    return [
        replace(run, pictures=drawn.get(run.folder.resolve().parts[-2:]))
        for run in runs
        if run.fault or run.value("job.name") in _MEASURED
    ]


def _drawn(run: Run) -> Optional[tuple[tuple[str, ...], Path]]:
    """The last two names of the folder of which a run drew a checkpoint, and its page.

    They hold the time to the microsecond, and stay when everything is moved elsewhere.
    """
    page = run.folder / _PAGE
    if run.value("job.name") != _DRAWING or not page.is_file():
        return None
    return Path(run.value("checkpoint")).parts[-4:-2], page


def _find(folder: Path) -> Iterator[Path]:
    """Run folders in ``folder`` or below it; links to folders are not followed."""
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                inside = {each.name: each.is_dir(follow_symlinks=False) for each in entries}
        except OSError:  # may not be read, its path is too long, or it is gone
            continue
        # Hydra writes the overrides last: without them and a result, the run has just begun.
        begun = os.path.lexists(f"{place}/{_HYDRA}/{_OVERRIDES}")
        if _HYDRA in inside and (begun or RESULT in inside):
            yield Path(place)
        waiting += [f"{place}/{name}" for name, is_folder in inside.items() if is_folder]


def varied_keys(runs: Sequence[Run]) -> list[str]:
    """Settings that were typed and differ among the runs, repetitions left out."""
    typed = dict.fromkeys(key for run in runs for key in run.typed)
    # Runs that differ in these alone repeat one setting: their scores are averaged.
    repetitions = {"seed", *(f"dataset.{key}" for run in runs for key in run.split_keys)}
    return [
        key
        for key in typed
        if key not in (*repetitions, *_NAMES)
        and not key.startswith("logger.")
        and len({run.value(key) for run in runs}) > 1
    ]


def environments(runs: Sequence[Run]) -> list[str]:
    """In what finished runs were not made alike, a line for each: versions, commit, machine."""
    finished = [run.environment for run in runs if run.result]
    lines = []
    for name in dict.fromkeys(name for each in finished for name in each):
        counted = Counter(as_typed(each.get(name)) for each in finished)
        if name != "command" and len(counted) > 1:
            shares = (f"{value} ({count})" for value, count in counted.most_common(_SHOWN))
            more = ", ..." if len(counted) > _SHOWN else ""
            lines.append(f"{name} differs between the runs: {', '.join(shares)}{more}")
    return lines


def is_finished(folder: Path) -> bool:
    """Whether a run folder has its result."""
    return (folder / RESULT).is_file()


def read_error(folder: Path) -> Optional[str]:
    """Why the run in ``folder`` failed, in one line; None if it did not.

    Raises:
        InputError: the file that says so cannot be read.
    """
    path = folder / ERROR
    if not os.path.lexists(path):
        return None
    lines = read_text(path).split("\n")
    return shortened(lines[0].strip() or "error.txt does not say why")


def _read(folder: Path) -> Run:
    try:
        return _read_whole(folder)
    except InputError as error:
        return Run(folder, (), {}, {}, None, None, [], fault=str(error))


def _read_whole(folder: Path) -> Run:
    """Raises InputError for whatever is not as a run leaves it."""
    result = folder / RESULT
    return Run(
        folder=folder,
        typed=_load(folder, _OVERRIDES, list, _keys),
        config=_load(folder, "config.yaml", dict, _settings),
        choices=_load(folder, "hydra.yaml", dict, _choices),
        result=Result.read(result) if os.path.lexists(result) else None,
        error=read_error(folder),
        history=epochs.read(folder / epochs.METRICS),
        words=_load(folder, _OVERRIDES, list, lambda found: tuple(map(printable, found))),
        environment=provenance.read(folder),
    )


def _load(
    folder: Path,
    name: str,
    kind: type[foreign_yaml.Kind],
    take: Callable[[foreign_yaml.Kind], Taken],
) -> Taken:
    """What ``take`` makes of one of the files in which Hydra keeps a run's configuration."""
    path = folder / _HYDRA / name
    found = foreign_yaml.read(path, kind)
    with taking(path, "configuration of a run", "restore it, or move the run away"):
        return take(found)


def _keys(found: list[Any]) -> tuple[str, ...]:
    """What a list of overrides sets."""
    if not all(isinstance(word, str) for word in found):
        raise ValueError("a list of overrides stands there")
    return tuple(printable(word.lstrip("+~").partition("=")[0]) for word in found)


def _settings(found: dict[str, Any]) -> dict[str, Any]:
    """Nested, as composed; every job has a name."""
    Fields(found).fields("job").word("name")
    return {key: _plain(value) for key, value in found.items()}


def _choices(found: dict[str, Any]) -> dict[str, Scalar]:
    """The option of each config group; of one that has several, their names with commas."""
    chosen = Fields(found).fields("hydra").fields("runtime").fields("choices")
    return {
        name: ",".join(chosen.words(name)) if chosen.is_list(name) else chosen.scalar(name)
        for name in chosen.names
    }


def _plain(value: Any) -> Any:
    """A nested value with its words printable."""
    if isinstance(value, dict):
        return {printable(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("a number beyond 64 bits stands there")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return printable(value)


def _order(folder: Path) -> tuple[Path, int, str]:
    number = folder.name.partition("_")[0]
    return folder.parent, int(number) if number.isdigit() else 0, folder.name
