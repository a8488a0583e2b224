"""The command line's door: what it needs to start at all is there, or missing in one line."""

# Python 3.8 reads this file and those before it, too.

from __future__ import annotations

import sys

OLDEST = (3, 9)
BAD_INPUT = 2  # as of any other command that cannot work


def main() -> None:
    """Do what the command line says, where this Python and its packages can."""
    if sys.version_info[:2] < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        _refuse(f"Python {found}: too old; run this with Python 3.9 to 3.12")
    try:
        from ddag import command
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __package__:
            raise
        _refuse(f'{error.name}: not installed; run pip install -e ".[cpu]" (or ".[gpu]")')
    command.main()


def _refuse(line: str) -> None:
    print(f"error: {line}", file=sys.stderr)
    sys.exit(BAD_INPUT)
