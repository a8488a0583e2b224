"""The job doctor: what this machine can compute on, what is in the way, and what would help."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from rich.table import Table

from ddag.machine import accelerators, environment, memory, packages, processors
from ddag.machine.accelerators import Found
from ddag.machine.bar import clock
from ddag.machine.files import write_text
from ddag.machine.screen import plain, show_line, show_table
from ddag.machine.words import printable, shortened
from ddag.settings.choices import Target
from ddag.settings.settings import DeviceConfig, Settings
from ddag.training import trial
from ddag.training.trial import Outcome

NAME = "doctor.json"  # in the run folder
NOTHING = "-"
NEEDED = 4.5e9  # bytes; docs/install.md says what a step of ResNet-50 takes
_MISSING = re.compile(r"\b(lib[\w.+-]+): cannot open shared object file")
# What MindSpore's import or its first step says, and what helps.
_REMEDIES = {
    r"libgomp": "install OpenMP's library, such as by apt-get install libgomp1",
    r"Descriptors cannot be created": "set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """A kind of device.

    Attributes:
        target: which.
        found: what was looked for.
        outcome: of a small step on it; None where there is nothing to try.
    """

    target: Target
    found: Found
    outcome: Optional[Outcome]

    @property
    def works(self) -> bool:
        """Whether it took the step."""
        return self.outcome is not None and self.outcome.works


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Print what was looked for, what was found and what would help; the score is 0.

    Args:
        settings: of a run; of these, its device.
        folder: the run folder, where the same is left as JSON.
        given: not used.

    Raises:
        SystemExit: no device works.
    """
    versions, machine = packages.versions(), _machine()
    _show("Versions", versions)
    _show("Machine", machine)
    kinds = []
    for target, found in _look().items():
        kinds.append(_examine(target, found, settings.device))
        _show(target.value, _rows(kinds[-1]))
        if kinds[-1].outcome and not kinds[-1].works:
            write_text(folder / f"{target.value}.txt", kinds[-1].outcome.said)
    troubles = [*packages.troubles(), *_troubles(), *_of_devices(kinds, settings, folder)]
    for trouble in troubles:
        log.warning("%s", printable(trouble))
    _write(folder / NAME, versions=versions, machine=machine, kinds=kinds, troubles=troubles)
    working = [each.target.value for each in kinds if each.works]
    said = f"{', '.join(working)} can be computed on" if working else "no device works"
    show_line(plain(f"{said}; {len(troubles) or 'no'} trouble{'s' * (len(troubles) != 1)}"))
    if not working:
        raise SystemExit(1)
    return 0.0


def _look() -> dict[Target, Found]:
    return {
        Target.CPU: Found([processors.kind()], {accelerators.PLUG_IN: "its own"}),
        Target.GPU: accelerators.look_for_gpus(),
        Target.Ascend: accelerators.look_for_ascends(),
    }


def _machine() -> dict[str, str]:
    """System, processors and memory."""
    limit = memory.limit()
    held = {} if limit is None else {"memory, this container's": _size(limit)}
    return {
        "system": platform.platform(),
        "processor": processors.kind(),
        "processors": _processors(),
        "AVX-512": _avx512(),
        "memory": f"{_size(memory.total())}, {_size(memory.available())} of it available",
        **held,
    }


def _processors() -> str:
    if not hasattr(os, "sched_getaffinity"):
        return str(os.cpu_count())
    found = processors.available()
    allowed = len(found.cores) + len(found.others)
    return (
        f"{os.cpu_count()}, of which this process may use {allowed};"
        f" by default it computes on {len(found.cores)}, one a physical core"
    )


def _avx512() -> str:
    if not environment.has_avx512():
        return "no"
    held = os.environ.get(environment.ISA) or ("AVX2" if environment.is_slow_with_avx512() else "")
    return f"yes, oneDNN held to {held}" if held else "yes"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count else "unknown"


def _examine(target: Target, found: Found, device: DeviceConfig) -> Examined:
    """Try a device if there is one, and MindSpore."""
    if not found.is_worth_a_try or not environment.mindspore_version():
        return Examined(target, found, None)
    threads = "null" if device.threads is None else device.threads
    words = [f"device={target.value.lower()}", f"device.mode={device.mode.value}"]
    words += [f"device.id={device.id}", f"device.threads={threads}"]
    with clock(f"trying a small step on {target.value}"):
        return Examined(target, found, trial.attempt(words))


def _rows(each: Examined) -> dict[str, str]:
    rows, outcome = dict(each.found.looked), each.outcome
    if each.target is Target.CPU:
        rows.clear()
    if outcome is None:
        return {**rows, "a small step": "not tried"}
    if outcome.compiling is None or outcome.step is None:
        return {**rows, "a small step": outcome.error}
    said = f"{outcome.step * 1000:.0f} ms, after {outcome.compiling:.0f} s of compiling"
    return {**rows, "a small step": f"{said}; loss {outcome.loss:.3f}"}


def _troubles() -> list[str]:
    """What of the machine and its environment is in the way."""
    found, available = [], memory.available()
    isa = os.environ.get(environment.ISA, "AVX2")
    if environment.has_avx512() and environment.is_slow_with_avx512() and "AVX512" in isa.upper():
        found.append(
            f"{environment.ISA}={isa}: MindSpore {environment.mindspore_version()} convolves far"
            " slower with AVX-512; unset it, and the framework sets AVX2"
        )
    if 0 < available < NEEDED:
        found.append(
            f"memory={_size(available)}: a step of ResNet-50 takes {_size(NEEDED)}; end other"
            " programs, or use model.backbone=resnet18 or a smaller sampler.identities"
        )
    return found


def _of_devices(kinds: Iterable[Examined], settings: Settings, folder: Path) -> list[str]:
    """What keeps devices that are there from working, and the one that was asked for."""
    found = []
    for each in kinds:
        found += each.found.troubles
        name = each.target.value
        if not each.found.devices and each.target is settings.device.target:
            found.append(f"device.target={name}: there is none here; use device=cpu")
        if each.outcome and not each.outcome.works:
            found.append(f"{name}: {_remedied(each.outcome, folder / f'{name}.txt')}")
    return found


def _remedied(outcome: Outcome, file: Path) -> str:
    """Why there was no step, and what would help."""
    remedies = [remedy for pattern, remedy in _REMEDIES.items() if re.search(pattern, outcome.said)]
    missing = list(dict.fromkeys(_MISSING.findall(outcome.said)))
    if missing:
        remedies.append(f"put {', '.join(missing)} where the system looks for libraries")
    return "; ".join([shortened(outcome.error), *remedies, f"all that it said is in {file}"])


def _show(title: str, rows: Mapping[str, str]) -> None:
    table = Table(show_header=False)
    for what, found in rows.items():
        table.add_row(plain(what), plain(found or NOTHING))
    show_table(title, table)


def _write(
    path: Path,
    *,
    versions: Mapping[str, str],
    machine: Mapping[str, str],
    kinds: Iterable[Examined],
    troubles: Sequence[str],
) -> None:
    devices: dict[str, Any] = {
        each.target.value: {"works": each.works, **_rows(each)} for each in kinds
    }
    told = {"versions": versions, "machine": machine, "devices": devices, "troubles": troubles}
    write_text(path, f"{json.dumps(told, indent=2)}\n")
