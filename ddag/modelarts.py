"""The door for Huawei's ModelArts, whose start-up arguments become words of the command line.

It calls a program with ``--data_url`` and ``--train_url``, and with ``--NAME=VALUE`` for each
parameter that a job is given there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ddag.settings.commands import override
from ddag.start import main
from ddag.storage.urls import is_url

_SETTINGS = {"data_url": "dataset.root", "train_url": "output.mirror"}
# What ModelArts says of its machines, which is not for us.
_PASSED_OVER = ("num_gpus", "init_method", "rank", "world_size")
_FLAGS = ("help", "hydra-help", "version", "cfg", "resolve", "package", "run", "multirun", "info")


def words(arguments: Sequence[str]) -> list[str]:
    """The words of a command line that say what ModelArts' arguments do.

    A place in OBS is one in S3, as which OBS can be reached. A results' folder that is a path on
    the machine is a store, too: whatever is put there ModelArts copies away.

    Args:
        arguments: ``--NAME=VALUE`` or ``--NAME VALUE``, and words as they are typed.
    """
    found, waiting = [], list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name in _FLAGS or (not equals and not waiting):
            found.append(argument)
            continue
        if not equals:
            value = waiting.pop(0)
        if name not in _PASSED_OVER:
            found.append(_word(name, value))
    return found


def _word(name: str, value: str) -> str:
    if name not in _SETTINGS:
        return f"{name}={value}"
    value = re.sub(r"^obs://", "s3://", value)
    if name == "train_url" and not is_url(value):
        value = f"file://{Path(value).absolute()}"
    return override(_SETTINGS[name], value)


def run() -> None:
    """Do what the arguments say."""
    sys.argv[1:] = words(sys.argv[1:])
    main()


if __name__ == "__main__":
    run()
