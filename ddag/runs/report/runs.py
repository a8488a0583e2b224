"""Runs as they lie on disk, finished or not, for comparing them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import yaml

from ddag.datasets import DATASETS
from ddag.machine.errors import InputError
from ddag.machine.run_folders import RESULT
from ddag.runs.result import Result

ERROR = "error.txt"  # of a run that failed: its first line says why
# Say where a run's files go, not what it does.
_NAMES = ("tag", "sweep", "sweep.list", "sweep.resume", "train.resume")
_MEASURED = ("train", "evaluate")  # the jobs that end in scores


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
    """

    folder: Path
    typed: tuple[str, ...]
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    result: Optional[Result]
    error: Optional[str]
    history: Sequence[Mapping[str, float]]

    @property
    def state(self) -> str:
        """``finished``, ``failed``, or ``unfinished``: running or interrupted."""
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
        found: Any = self.choices.get(key)
        if found is None:
            found = self.config
            for part in key.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, bool):
            return str(found).lower()
        if isinstance(found, float):
            return f"{found:.4g}"
        return "-" if found is None else str(found)


def read_runs(folder: Path) -> list[Run]:
    """Every run that trains or evaluates in ``folder`` or below it, by number and name.

    Raises:
        InputError: there is no such folder, or a result there cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"job.folder={folder}: no such folder; name one with runs below it")
    found = [path.parent.parent for path in folder.rglob(".hydra/overrides.yaml")]
    runs = [_read(path) for path in sorted(found, key=_order)]
    return [run for run in runs if run.value("job.name") in _MEASURED]


def varied_keys(runs: Sequence[Run]) -> list[str]:
    """Settings that were typed and differ among the runs, repetitions left out."""
    typed = dict.fromkeys(key for run in runs for key in run.typed)
    # Runs that differ in these alone repeat one setting: their scores are averaged.
    repetitions = {"seed", *(f"dataset.{key}" for run in runs for key in run.split_keys)}
    return [
        key
        for key in typed
        if key not in (*repetitions, *_NAMES) and len({run.value(key) for run in runs}) > 1
    ]


def is_finished(folder: Path) -> bool:
    """Whether a run folder has its result."""
    return (folder / RESULT).is_file()


def _read(folder: Path) -> Run:
    error, result, metrics = (folder / name for name in (ERROR, RESULT, "metrics.jsonl"))
    return Run(
        folder=folder,
        typed=tuple(
            str(word).lstrip("+~").partition("=")[0] for word in _load(folder, "overrides")
        ),
        config=_load(folder, "config"),
        choices=_load(folder, "hydra")["hydra"]["runtime"]["choices"],
        result=Result.read(result) if is_finished(folder) else None,
        error=error.read_text(encoding="utf-8").splitlines()[0] if error.is_file() else None,
        history=_read_lines(metrics) if metrics.is_file() else [],
    )


def _load(folder: Path, name: str) -> Any:
    """One of the files in which Hydra keeps a run's configuration.

    By LibYAML, many times as fast as OmegaConf: a sweep reads all its jobs after each one.
    """
    text = (folder / ".hydra" / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _read_lines(file: Path) -> list[dict[str, float]]:
    """Whole lines only: a run may be writing the last one."""
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _order(folder: Path) -> tuple[Path, int, str]:
    number = folder.name.partition("_")[0]
    return folder.parent, int(number) if number.isdigit() else 0, folder.name
