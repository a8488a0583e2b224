"""Where a run's numbers come from: its code, the packages, the machine and the command."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Optional

import ddag
from ddag.machine import environment, processors
from ddag.machine.border import Fields, Scalar, parse_json, read_text, taking
from ddag.machine.files import write_text
from ddag.machine.programs import ask
from ddag.machine.words import shortened
from ddag.settings.commands import command

NAME = "environment.json"  # in a run folder
LONGEST = 5000  # letters of a command
MOST = 50  # entries, of a file or a checkpoint
PACKAGE = Path(ddag.__file__).parent
_ROOT = ("ddag", "conf", "run.py")  # what a checkout runs, beside the package's parent folder


@cache
def collect() -> Mapping[str, Scalar]:
    """All of it, by name; as it was when this process first asked, for its code is of then."""
    commit = _commit(PACKAGE)
    return {
        "commit": commit,
        "dirty": None if commit is None else _is_dirty(PACKAGE.parent),
        "ddag": ddag.__version__,
        "python": platform.python_version(),
        "mindspore": environment.mindspore_version(),
        "numpy": metadata.version("numpy"),
        "processor": processors.kind(),
        "threads": processors.count(),
        "system": platform.platform(),
        "command": shortened(command(*sys.argv[1:]), LONGEST),
    }


def write(folder: Path) -> None:
    """Write ``environment.json`` into a run folder.

    Raises:
        InputError: it cannot be written.
    """
    write_text(folder / NAME, f"{json.dumps(collect(), indent=2)}\n")


def read(folder: Path) -> dict[str, Scalar]:
    """What ``write`` wrote into a run folder; empty where an earlier version wrote nothing.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    text = read_text(path)
    with taking(path, "record of a run's environment", "move it away"):
        found = Fields(parse_json(text))
        if len(found.names) > MOST:
            raise ValueError(f"more than {MOST} entries")
        return {shortened(name): found.scalar(name) for name in found.names}


def _commit(package: Path) -> Optional[str]:
    """The commit of the checkout that a package lies in; None where it is in none.

    A package that is installed inside of someone's repository, such as in its virtual environment,
    is no part of it: git does not know its files.
    """
    known = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    return _git(package, "rev-parse", "HEAD") if known else None


def _is_dirty(root: Path) -> Optional[bool]:
    """Whether files that a run is made of are not as in the commit; None if git does not say."""
    changes = _git(root, "status", "--porcelain", "--", *_ROOT)
    return None if changes is None else changes != ""


def _git(folder: Path, *words: str) -> Optional[str]:
    """What git answers in a folder; None where there is no git, or nothing that it knows."""
    # A hook's variables name its own repository; jobs side by side shall not wait for a lock.
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return ask("git", "-C", str(folder), *words, env={**around, "GIT_OPTIONAL_LOCKS": "0"})
