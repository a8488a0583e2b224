"""What the benchmarks found: printed, and written to docs/benchmarks.json and .md."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

import rich
from rich.table import Table

DOCS = Path(__file__).parents[1] / "docs"
PACKAGES = ("mindspore", "numpy", "torch")
HEAD = """# How fast

Written by `python -m benchmarks` (or `make bench`) and, for the parts that take longer,
`python -m benchmarks.NAME`. Ratios are of times taken turn by turn in one run, A, B, A, B, ..., the
median over the rounds: what else a machine does hits both. CPU, float32.
"""


@dataclass(frozen=True)
class Row:
    """One thing measured."""

    what: str
    measured: str
    target: str = ""
    met: Optional[bool] = None

    @classmethod
    def at_most(cls, what: str, value: float, limit: float, unit: str = "") -> Row:
        return cls(what, _number(value, unit), f"at most {_number(limit, unit)}", value <= limit)

    @classmethod
    def at_least(cls, what: str, value: float, limit: float, unit: str = "") -> Row:
        return cls(what, _number(value, unit), f"at least {_number(limit, unit)}", value >= limit)


Measure = Callable[[], Sequence[Row]]


def run(name: str, measure: Measure, *, folder: Path = DOCS) -> None:
    """Measure, print the rows and put them into the documents; the docstring is the title."""
    start = time.monotonic()
    rows = measure()
    minutes = (time.monotonic() - start) / 60
    title = (measure.__doc__ or name).strip().splitlines()[0]
    show(title, rows)
    store = load(folder)
    store[name] = {
        "title": title,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "minutes": round(minutes, 1),
        "rows": [asdict(row) for row in rows],
    }
    text = json.dumps(store, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "benchmarks.json").write_text(text + "\n", encoding="utf-8")
    (folder / "benchmarks.md").write_text(render(store, folder), encoding="utf-8")


def load(folder: Path = DOCS) -> dict[str, Any]:
    """What earlier runs found, by the benchmark's name."""
    file = folder / "benchmarks.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def machine() -> str:
    """Processor, cores, memory, and versions."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line
            for line in info.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = names[0].partition(": ")[2] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {memory:.0f} GB; {', '.join(versions)}"


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "target", ""):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.measured, row.target, _verdict(row.met))
    rich.get_console().print(table)


def render(store: Mapping[str, Any], folder: Path) -> str:
    """The page."""
    parts = [HEAD]
    for name, found in store.items():
        parts.append(f"## {found['title']}\n")
        parts.append(
            f"`python -m benchmarks.{name}`, {found['minutes']} min, {found['date']};"
            f" {found['machine']}\n"
        )
        parts.append("| what | measured | target | |\n|---|---|---|---|")
        for row in (Row(**each) for each in found["rows"]):
            parts.append(f"| {row.what} | {row.measured} | {row.target} | {_verdict(row.met)} |")
        parts.append("")
        for figure in sorted(folder.glob(f"benchmarks_{name}*.png")):
            parts.append(f"![{found['title']}]({figure.name})\n")
    return "\n".join(parts)


def _number(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def _verdict(met: Optional[bool]) -> str:
    return "" if met is None else ("met" if met else "**not met**")
