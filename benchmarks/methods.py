"""Each method: a step beside the baseline's, and its scores on synthetic people from three seeds.

It trains three runs of each, an hour or more on two cores, or reads a sweep=methods that ended:
python -m benchmarks.methods multirun_sweeps/methods/TIME. What it finds goes into the table of
methods.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

from benchmarks.report import machine
from benchmarks.start import RUN
from benchmarks.step import CLASSES, PUBLISHED, Size
from benchmarks.turns import Turn, ratio, take_turns
from ddag.jobs.methods import MEASURED, Measured
from ddag.methods import METHODS

BASELINE = "baseline"


def step(name: str, size: Size) -> Turn:
    """A training step of a method by its authors' recipe."""
    from ddag.machine import device

    device.configure("CPU", device_id=0, mode="graph", seed=0)
    from benchmarks.settings import composed, trainer_of
    from ddag.data.loader import Batch

    about = METHODS.find(name).about
    recipe = [f"recipe={about.recipe}"] if about else []
    method = composed(
        f"model={name}", *recipe, f"model.backbone={size.backbone}",
        f"data.height={size.height}", f"data.width={size.width}",
    )  # fmt: skip
    trainer = trainer_of(method, CLASSES)
    visible, infrared, identities = size.batch()
    images = {"visible": visible, "infrared": infrared}
    batch = Batch.of_views([(view, images[view.value]) for view in method.views], identities)
    scalars = method.scalars(1.0)
    trainer.compile(batch, scalars)
    return lambda: trainer.step(batch, epoch=0, position=0, scalars=scalars)


def steps(
    names: Sequence[str], size: Size = PUBLISHED, rounds: int = 3, lives: int = 2
) -> dict[str, float]:
    """The time of a step as a share of the baseline's.

    Each takes turns with the baseline alone: more processes at once would not fit into memory.
    """
    shares = {}
    for name in names:
        contestants = {each: partial(step, each, size) for each in (BASELINE, name)}
        times = take_turns(contestants, rounds=rounds, lives=lives)
        shares[name] = ratio(times[name], times[BASELINE])
    return shares


def sweep(names: Sequence[str], folder: Path, *words: str) -> None:
    """Train each from three seeds on the default synthetic people, below ``folder``."""
    chosen = [f"model={','.join(names)}", f"dataset.root={folder / 'people'}", *words]
    subprocess.run([*RUN, "sweep=methods", *chosen], cwd=folder, check=True)


def scores(names: Sequence[str], folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Rank-1 and mAP of each method's main feature, a number for each run below a folder."""
    from ddag.runs.report.runs import read_runs

    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for run in read_runs(folder):
        assert run.result is not None, run.folder  # else the sweep's exit code says so
        main = run.result.metrics[run.result.monitor.partition("/")[0]]
        rank1, mean = found[run.value("model")]
        rank1.append(main["rank1"])
        mean.append(main["mAP"])
    return found


def write(measured: Mapping[str, Measured], file: Path = MEASURED) -> None:
    """Where ``job=methods`` looks for it, with the day and the machine."""
    methods = {name: asdict(each) for name, each in measured.items()}
    stored = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "methods": methods}
    file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def main(trained: Optional[Path] = None) -> None:
    """Measure every method of this package and write the tables anew.

    Args:
        trained: of a ``sweep=methods`` that ended; by default it is run here.
    """
    names = METHODS.own
    with TemporaryDirectory() as name:
        if trained is None:
            sweep(names, Path(name))
        found = scores(names, trained or Path(name) / "multirun_sweeps")
    shares = steps(names)
    write({name: Measured(*found[name], step=shares[name]) for name in names})
    page = Path(__file__).parents[1] / "docs" / "make_methods.py"
    subprocess.run([sys.executable, str(page)], check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
