"""What a command line takes from the folder of the sweep, run or checkpoint that it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, QuotedString

from ddag.machine.errors import InputError
from ddag.machine.run_folders import AUTO, CHECKPOINTS, saved
from ddag.runs import saved_words
from ddag.runs.report.runs import is_finished
from ddag.runs.saved_words import OVERRIDES, RESUME, RESUME_RUN, SAVED, Words, key_of
from ddag.settings import commands
from ddag.settings.endings import one_line
from ddag.storage import urls

# Flags by which nothing is run.
_LOOKING = {"--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i"}


def expand(words: Sequence[str]) -> list[str]:
    """A command line with the words of the sweep or of the run that it resumes.

    Raises:
        InputError: as ``expand_sweep`` and ``expand_run``.
    """
    if any(key_of(word) == RESUME for word in words):
        return expand_sweep(words)
    return expand_run(words)


def expand_sweep(words: Sequence[str]) -> list[str]:
    """The command line of the sweep that ``sweep.resume=FOLDER`` names; any other as it is.

    Raises:
        InputError: the folder is none of a sweep, what it says could do harm, or something else is
            given that it would change.
    """
    given = [word for word in words if key_of(word) == RESUME and not word.startswith("~")]
    named = OverridesParser.create().parse_override(given[-1]).value() if given else None
    if named is None:
        return list(words)
    folder = Path(str(named))
    if "${" in str(folder) or "?" in str(folder):
        raise InputError(f"{given[-1]}: its name has ${{ or ?; rename the folder")
    own = [word for word in words if key_of(word) not in (RESUME, "sweep.list")]
    is_sweep = str(named) != "" and (folder / SAVED).is_file()
    saved = saved_words.read(folder, settings_in, own=own) if is_sweep else Words([], [], None)
    others = [
        word for word in own if word not in (*saved.hydra, *saved.task) or word.startswith("-")
    ]
    if others:
        raise InputError(f"{given[-1]}: its own settings hold; leave out {' '.join(others)}")
    if not is_sweep:
        raise InputError(f"{given[-1]}: no {SAVED} in it; name the folder of a sweep")
    kept = ["hydra.mode=MULTIRUN", *saved.hydra, *saved.task]
    if "train.resume" not in map(key_of, kept):
        kept.append("train.resume=auto")  # a job in the middle resumes where it was
    place = [commands.override("hydra.sweep.dir", folder), *_left_to_tune(saved.trials, folder)]
    return [*kept, *place, *(word for word in words if word not in own)]


def expand_run(words: Sequence[str]) -> list[str]:
    """The command line of the run that ``train.resume=PATH`` names, what is typed here on top.

    A run that has kept none, such as one of a notebook, leaves the words as they are.

    Raises:
        InputError: what the run's folder says could do harm.
    """
    given = [word for word in words if key_of(word) == RESUME_RUN and not word.startswith("~")]
    named = [value for _, value in settings_in(given[-1])] if given else []
    if len(named) != 1 or named[0] in (None, "", AUTO):
        return list(words)
    if urls.is_url(named[0]) and not _LOOKING & {*words}:
        return _expand_copied(words, given[-1], str(named[0]))
    path = Path(str(named[0]))
    run = path.parent.parent if path.is_file() and path.parent.name == CHECKPOINTS else path
    if not saved(run) or not (run / OVERRIDES).is_file():
        return list(words)
    kept = saved_words.read_run(run, settings_in, own=words)
    is_sweep = any(key_of(word) == "sweep" for word in kept) and not {"-m", "--multirun"} & {*words}
    # Hydra takes settings only where they stand together; of two the last holds.
    first = next(place for place, word in enumerate(words) if "=" in word and word[0] != "-")
    return [*words[:first], *(["hydra.mode=RUN"] if is_sweep else []), *kept, *words[first:]]


def _expand_copied(words: Sequence[str], given: str, url: str) -> list[str]:
    """As ``expand_run``, of a run that lies in a store and is copied from there first."""
    from ddag.storage import copies

    tag = url.rstrip("/").split("/")[-2]
    parent = Path("outputs", tag) if re.fullmatch(r"\w[\w.-]*", tag) else Path("outputs")
    folder = copies.run_folder(RESUME_RUN, url, parent)
    return expand_run([f"{RESUME_RUN}={folder}" if word == given else word for word in words])


def tagged(words: Sequence[str]) -> list[str]:
    """A command line on a checkpoint with the tag of the checkpoint's run, unless one is chosen."""
    keys = [key_of(word) for word in words]
    if "checkpoint" not in keys or {"tag", "experiment", "sweep", RESUME} & {*keys}:
        return list(words)
    place = keys.index("checkpoint")
    named = [value for _, value in settings_in(words[place])]
    tag = saved_words.read_tag(Path(str(named[0])).parent.parent) if len(named) == 1 else None
    own = [] if tag is None else [commands.override("tag", tag)]
    return [*words[:place], *own, *words[place:]]


def settings_in(word: str) -> list[tuple[str, object]]:
    """Each setting of an override with its value; of a sweep over it, with each of its values.

    Raises:
        InputError: it is no override.
    """
    try:
        override = OverridesParser.create().parse_override(word)
    except Exception as error:  # Hydra's parser has many of its own
        raise InputError(f"{word[:200]!r}, which is no override; {one_line(error)}") from error
    value: object = override.value()
    if isinstance(value, ChoiceSweep):
        values: list[object] = list(value.list)
    else:
        values = [*value.include, *value.exclude] if isinstance(value, Glob) else [value]
    key = override.key_or_group
    if override.package is not None:
        key += f"@{override.package}"
    return [(key, each.text if isinstance(each, QuotedString) else each) for each in values]


def _left_to_tune(trials: Optional[int], folder: Path) -> list[str]:
    """How many trials a study still lacks, where the sweep is one."""
    if trials is None:
        return []
    finished = sum(is_finished(job) for job in folder.iterdir())
    return [f"hydra.sweeper.n_trials={max(0, trials - finished)}"]
