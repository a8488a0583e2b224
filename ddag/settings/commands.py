"""Commands to type, as the program prints them: whole for the shell and for Hydra's parser."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

# What Hydra reads as the word that it is, without quotes.
_PLAIN = re.compile(r"(\.{0,2}/|[A-Za-z_])[\w./-]*", re.ASCII)
_OTHER = ("null", "true", "false", "inf", "nan")


def override(key: str, value: object) -> str:
    """A setting with a text as its value, such as a path, for Hydra: quoted where it must be."""
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER:
        return f"{key}={text}"
    # A quote would end the text, and a backslash before it, or at the end, would escape one.
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    ending = re.sub(r"(\\+)\Z", r"\1\1", escaped)
    return f'{key}="{ending}"'  # the shell's quotes around it are single ones


def command(*words: str) -> str:
    """This program with such words, for the shell."""
    return f"{_program()} {shlex.join(words)}"


def _program() -> str:
    """How the program that runs was called; from a notebook, the module."""
    called = Path(sys.argv[0])
    if called.name == "ddag":
        return called.name
    if called.name != "run.py":
        return "python -m ddag"
    here = Path.cwd()
    file = called.relative_to(here) if here in called.parents else called
    return f"python {shlex.quote(str(file))}"
