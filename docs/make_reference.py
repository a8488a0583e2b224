"""Writes docs/reference.md from the dataclasses of the settings: python docs/make_reference.py."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Optional, Union, get_args, get_origin, get_type_hints

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from ddag.datasets import DATASETS  # noqa: E402
from ddag.methods import METHODS  # noqa: E402
from ddag.settings.jobs import JOBS  # noqa: E402
from ddag.settings.settings import Composed  # noqa: E402
from ddag.settings.training import SCHEDULES  # noqa: E402

PAGE = Path(__file__).with_name("reference.md")
HEAD = """# Command line reference

Written by `python docs/make_reference.py` from the dataclasses of the settings. `group=option`
picks a file of `conf/`, `group.key=value` sets a value; `python run.py --cfg job` prints what a
command would run with. The column *value* is what `conf/` or the dataclass says; a recipe, a data
set or a preset may set another. `???` must be given, or is set by the data set.
[Settings by topic](settings.md) explains those used most.
"""
GROUPS = (
    "job", "dataset", "model", "recipe", "optimizer", "schedule", "device", "logger", "experiment",
    "sweep",
)  # fmt: skip
NAMES = {bool: "true, false", int: "whole number", float: "number", str: "text"}
FIELD = re.compile(r"^    (\w+): [^#]*(?:#\s*(.*))?$")
REMARK = re.compile(r"^    #\s*(.*)$")
Row = tuple[str, str, str, str]


def page() -> str:
    """The whole of docs/reference.md."""
    text = [HEAD, "\n## Groups\n"]
    for group in GROUPS:
        options = [(file.stem, _purpose(file)) for file in sorted(_files(group))]
        text.append(f"\n### {group}=\n\n" + _table(["option", "what"], options))
    text.append("\n## Settings\n")
    for title, kind, prefix, values in _sections():
        rows = list(_rows(kind, prefix, values))
        if rows:
            text.append(f"\n### {title}\n\n{_table(['key', 'type', 'value', 'what'], rows)}")
    return "".join(text)


def _sections() -> Iterator[tuple[str, type, str, Mapping[str, Any]]]:
    """Title, dataclass, prefix of its keys and the values that ``conf/`` has for them."""
    whole = _read(ROOT / "conf" / "config.yaml")
    yield "Of every run", Composed, "", whole
    hints = get_type_hints(Composed)
    for group in ("data", "sampler", "augmentation", "loss", "train", "output", "sweep", "report"):
        yield group, hints[group], f"{group}.", whole.get(group, {})
    adam = {**_option("optimizer", "adam"), **whole["optimizer"]}
    yield "optimizer", hints["optimizer"], "optimizer.", adam
    yield "device", hints["device"], "device.", _option("device", "cpu")
    every = {key: value for file in _files("logger") for key, value in _read(file).items()}
    yield "logger, each with its option", hints["logger"], "logger.", every
    for kind, schedule in SCHEDULES.items():
        values = _option("schedule", kind.name)
        yield f"schedule, with schedule={kind.name}", schedule, "schedule.", values
    for group, registry in (("model", METHODS), ("dataset", DATASETS)):
        for name in registry.own:
            values = _option(group, name)
            values = values.get(group, values)  # where the file is global
            yield f"{group}, with {group}={name}", registry.find(name).config, f"{group}.", values
    for name, job in JOBS.items():
        yield f"job, with job={name}", job, "job.", _option("job", name)


def _rows(kind: type, prefix: str, values: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each field; those of a group within follow under their whole keys."""
    hints, remarks = get_type_hints(kind), _remarks(kind)
    for field in fields(kind):
        hint = hints[field.name]
        inner = next((each for each in (hint, *get_args(hint)) if is_dataclass(each)), None)
        default = None if field.default is MISSING else field.default
        value = values.get(field.name, default)
        if inner is not None:
            if prefix and value is not None:
                yield from _rows(inner, f"{prefix}{field.name}.", value)
        elif hint is not Any and field.name not in ("name", "kind"):
            what = remarks.get(field.name, "")
            yield f"`{prefix}{field.name}`", _typed(hint), _shown(value), what


def _remarks(kind: type) -> dict[str, str]:
    """What the source says of each field, behind it or in the lines above it."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        above: list[str] = []
        for line in inspect.getsource(each).splitlines():
            remark, field = REMARK.match(line), FIELD.match(line)
            if remark:
                above.append(remark[1])
            elif field:
                found[field[1]] = (field[2] or " ".join(above)).replace("None", "null")
                above = []
    return found


def _typed(hint: Any) -> str:
    if get_origin(hint) is Union:
        (chosen,) = (each for each in get_args(hint) if each is not type(None))
        return f"{_typed(chosen)}, or null"
    if issubclass(hint, Enum):
        return ", ".join(member.name for member in hint)
    return NAMES.get(hint, hint.__name__)


def _shown(value: Optional[Any]) -> str:
    if isinstance(value, Enum):
        return f"`{value.name}`"
    said = yaml.safe_dump(value, default_flow_style=True, width=1000).partition("\n")[0]
    return f"`{said}`"


def _purpose(file: Path) -> str:
    """The first sentence or line of a file's opening remark."""
    lines = [line[2:] for line in file.read_text(encoding="utf-8").splitlines() if line[:2] == "# "]
    opening = " ".join(line for line in lines if not line.startswith("@package"))
    return opening.partition(". ")[0].rstrip(".:")


def _files(group: str) -> Iterator[Path]:
    return (ROOT / "conf" / group).glob("*.yaml")


def _option(group: str, name: str) -> dict[str, Any]:
    return _read(ROOT / "conf" / group / f"{name}.yaml")


def _read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {}


def _table(headings: list[str], rows: list[Any]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
