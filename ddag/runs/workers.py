"""The processes of one run: which of them this is, and where its words go. No MindSpore."""

from __future__ import annotations

import logging.config
from dataclasses import replace
from pathlib import Path

import yaml

from ddag.composition import CONFIGURATION
from ddag.machine import output, sharing
from ddag.machine.errors import require
from ddag.machine.sharing import COUNT, Share
from ddag.settings.settings import Settings

_LOGGING = CONFIGURATION / "hydra" / "job_logging" / "ddag.yaml"


def log_of(folder: Path, index: int) -> Path:
    """The log of a process of the run in ``folder``; the first has the run's."""
    return folder / (f"worker_{index}.log" if index else "run.log")


def start_log(folder: Path, share: Share) -> None:
    """Log as Hydra has the only process of a run do; all but the first do so into their own files.

    Args:
        folder: the run folder.
        share: of this process.

    Raises:
        OSError: the file cannot be written.
    """
    chosen = yaml.safe_load(_LOGGING.read_text(encoding="utf-8"))
    path = log_of(folder, share.index)
    chosen["handlers"]["file"]["filename"] = str(path)
    if not share.first:
        chosen["root"]["handlers"] = ["file"]
        del chosen["handlers"]["console"]
        output.divert(path)
    logging.config.dictConfig(chosen)


def placed(settings: Settings) -> Settings:
    """Settings of a process that msrun, srun or a script has started: with as many as those are.

    Raises:
        InputError: the settings say another number, or are of a job that runs in one process.
    """
    if not sharing.role():
        return settings
    count, asked = sharing.of_environment().count, settings.device.workers
    started = f"{COUNT}={count} processes were started; leave it out"
    require(asked in (1, count), "device.workers", asked, started)
    return replace(settings, device=replace(settings.device, workers=count))
