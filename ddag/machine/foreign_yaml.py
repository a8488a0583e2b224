"""YAML that someone else may have written: plain values of a bounded size, or an error."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml

from ddag.machine.border import read_text, taking

Kind = TypeVar("Kind", dict, list)

# Hydra writes some twenty kilobytes for a run, ten levels deep and without a single alias.
MAX_BYTES = 1 << 20
MAX_DEPTH = 50
_OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


def read(path: Path, kind: type[Kind]) -> Kind:
    """What a YAML file holds, of plain values alone.

    By LibYAML, many times as fast as OmegaConf: a sweep reads all its jobs after each one.

    Args:
        path: of the file.
        kind: what it must hold, ``dict`` or ``list``.

    Raises:
        InputError: it cannot be read, is too large, too deep or has an alias, or holds something
            else.
    """
    text = read_text(path, MAX_BYTES)
    with taking(path, "configuration as a run writes it", "restore it, or move its folder away"):
        _refuse_growth(text)
        value = yaml.load(text, Loader=yaml.CSafeLoader)
        if not isinstance(value, kind):
            raise ValueError(f"holds {type(value).__name__}, not {kind.__name__}")
    return value


def _refuse_growth(text: str) -> None:
    """Refuse what becomes larger than its text, or deeper than LibYAML's stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias, which no run writes")
        depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
