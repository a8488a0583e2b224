"""How soon a command answers, and how soon a run takes its first step."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.report import Row

REPOSITORY = Path(__file__).parents[1]
RUN = [sys.executable, str(REPOSITORY / "run.py")]
COMMANDS = {
    "--help": [*RUN, "--help"],
    "--cfg job": [*RUN, "--cfg", "job"],
    # What any command costs that is configured by Hydra.
    "hydra": [sys.executable, "-c", "import hydra, omegaconf, numpy"],
}
FIRST_STEP = [sys.executable, str(REPOSITORY / "benchmarks" / "first_step.py")]


def seconds(command: Sequence[str], folder: Path) -> float:
    """How long a command takes, run in ``folder``."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure(rounds: int = 5, words: Sequence[str] = ()) -> list[Row]:
    """Start: help, configuration, and the first step of the default run"""
    with TemporaryDirectory() as name:
        folder = Path(name)
        taken = [
            {what: seconds(command, folder) for what, command in COMMANDS.items()}
            for _ in range(rounds)
        ]
        people = [f"dataset.root={folder / 'people'}", f"device.cache={folder / 'cache'}", *words]
        drawing, loading = (seconds([*FIRST_STEP, *people], folder) for _ in range(2))
    rows = []
    for what in ("--help", "--cfg job"):
        rows.append(Row.at_most(f"run.py {what}", median(each[what] for each in taken), 1, "s"))
        share = median(each[what] / each["hydra"] for each in taken)
        rows.append(Row(f"run.py {what} / importing Hydra and NumPy alone", f"{share:.3g}"))
    return [
        *rows,
        Row.at_most("command to first training step, people drawn, compiling", drawing, 20, "s"),
        Row("the same run once more, its people there and its graphs loaded", f"{loading:.3g} s"),
        Row.at_most("second run / first", loading / drawing, 1),
    ]


if __name__ == "__main__":
    report.run("start", measure)
