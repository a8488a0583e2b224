"""Runs on several versions of MindSpore and writes docs/matrix.md: python docs/make_matrix.py.

Each version gets a virtual environment of its own, in which the job doctor, the tests marked smoke
and the main job in its shortest form are run on the CPU. Versions can be named, such as ``2.9.0``;
the rows of the others stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("matrix.md")
STORED = Path(__file__).with_name("matrix.json")
HEAD = """# Versions of MindSpore

Written by `make matrix`. Each row is a virtual environment made for it, on the CPU: the job
`doctor`, the tests marked `smoke`, and the main job in its shortest form (`make smoke`).
No row says anything about a GPU or an Ascend.
"""
COLUMNS = (
    "MindSpore", "Python", "NumPy", "doctor", "smoke tests", "main job", "date", "processor"
)  # fmt: skip
FOR_TESTS = ("pytest>=8", "hypothesis>=6")
COUNTS = re.compile(r"\d+ (?:passed|failed|skipped|errors?)")  # in pytest's last line


@dataclass(frozen=True)
class Version:
    """What is installed.

    Attributes:
        number: of MindSpore.
        python: that it is installed for.
        packages: as pip takes them.
    """

    number: str
    python: str
    packages: tuple[str, ...]


def _recent(number: str) -> Version:
    return Version(number, "3.11", (f"mindspore=={number}", "numpy<2"))


VERSIONS = (
    # The extra gpu without the CUDA libraries that a CPU run does not load: they are 1.5 GB.
    Version("1.10.0", "3.9", (
        "mindspore-gpu==1.10.0", "numpy<1.24", "pillow<10", "nvidia-cuda-runtime-cu11"
    )),
    *map(_recent, ("2.7.2", "2.8.0", "2.9.0", "2.10.0")),
)  # fmt: skip


def main() -> None:
    """Run on the versions that the command line names, or on all, and write the page."""
    numbers = [version.number for version in VERSIONS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=", ".join(numbers))
    parser.add_argument("--folder", type=Path, help="where the environments are made, and stay")
    given = parser.parse_args()
    unknown = set(given.versions) - set(numbers)
    if unknown:
        parser.error(f"{', '.join(unknown)}: not among {', '.join(numbers)}")
    with TemporaryDirectory() as name:
        for version in VERSIONS:
            if not given.versions or version.number in given.versions:
                row = examine(version, (given.folder or Path(name)).absolute() / version.number)
                print(" | ".join(row.values()), flush=True)
                store({**stored(), version.number: row})


def examine(version: Version, folder: Path) -> dict[str, str]:
    """The row of a version; what was printed goes into ``folder``, which holds its environment."""
    folder.mkdir(parents=True, exist_ok=True)
    row = dict.fromkeys(COLUMNS, "-")
    row.update(MindSpore=version.number, Python=version.python, date=time.strftime("%Y-%m-%d"))
    found = find_python(version.python)
    if not found:
        return {**row, "doctor": "not run: there is no such Python"}
    if not _is_installed(version, found, folder):
        return {**row, "doctor": "not run: cannot be installed"}
    row["NumPy"] = _answer(folder, "import numpy; print(numpy.__version__)")
    row["Python"] = _answer(folder, "import platform; print(platform.python_version())")
    row.update(_doctor(folder))
    tests = ["-m", "pytest", "-q", "-m", "smoke", "--override-ini", "filterwarnings=default"]
    code, said = _run(folder, "tests", [*tests, "-p", "no:cacheprovider"], at=ROOT)
    counts = COUNTS.findall(said[-1]) if said else []
    row["smoke tests"] = ", ".join(counts) or f"exit code {code}"
    make = ["make", "--silent", "--file", str(ROOT / "Makefile"), "smoke", "RUN=ddag"]
    code, _ = _run(folder, "job", make, program=False)
    row["main job"] = "passed" if code == 0 else f"exit code {code}"
    return row


def _is_installed(version: Version, found: str, folder: Path) -> bool:
    """Make the environment and install into it; whether that went through."""
    python = str(folder / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet"]
    for command in (
        [found, "-m", "venv", str(folder / "venv")],
        [*pip, "--upgrade", "pip"],
        [*pip, *version.packages, *FOR_TESTS],
        [*pip, *version.packages, "-e", str(ROOT)],
    ):
        code, said = _run(folder, "install", command, program=False)
        if code:
            print("\n".join(said[-5:]), file=sys.stderr)
            return False
    return True


def _doctor(folder: Path) -> dict[str, str]:
    """What the job doctor says in the environment of ``folder``, in a few words; the processor."""
    code, _ = _run(folder, "doctor", ["-m", "ddag", "job=doctor", "hydra.run.dir=doctor"])
    try:
        told = json.loads((folder / "doctor" / "doctor.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"doctor": f"exit code {code}"}
    working = [name for name, device in told["devices"].items() if device["works"]]
    said = "; ".join([f"{', '.join(working) or 'nothing'} works", *told["troubles"]])
    machine = told["machine"]
    return {"doctor": said, "processor": f"{machine['processor']}, AVX-512: {machine['AVX-512']}"}


def _answer(folder: Path, program: str) -> str:
    _, said = _run(folder, "answer", ["-c", program])
    return said[-1] if said else "-"


def _run(
    folder: Path, name: str, command: Sequence[str], *, at: Path | None = None, program: bool = True
) -> tuple[int, list[str]]:
    """Run a command; its exit code and what it printed, which ``name``.log keeps.

    Args:
        folder: of the environment.
        name: of what is done.
        command: with its arguments.
        at: working directory; None for ``folder``.
        program: whether the command is what the environment's Python is told.
    """
    binaries = folder / "venv" / "bin"
    around = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    around["PATH"] = os.pathsep.join([str(binaries), os.environ["PATH"]])
    whole = [str(binaries / "python"), *command] if program else list(command)
    done = subprocess.run(
        whole, cwd=at or folder, env=around, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    (folder / f"{name}.log").write_text(done.stdout, encoding="utf-8")
    return done.returncode, done.stdout.splitlines()


def find_python(version: str) -> str:
    """The program of a Python by its version, wherever pyenv or the system keeps it; or nothing."""
    kept = Path.home() / ".pyenv" / "versions"
    candidates = [*map(str, kept.glob(f"{version}.*/bin/python")), shutil.which(f"python{version}")]
    return next((each for each in candidates if each and os.access(each, os.X_OK)), "")


def stored() -> dict[str, dict[str, str]]:
    """The rows that were written before, by version."""
    if not STORED.is_file():
        return {}
    rows: dict[str, dict[str, str]] = json.loads(STORED.read_text(encoding="utf-8"))
    return rows


def store(rows: Mapping[str, Mapping[str, str]]) -> None:
    """Write the page, and the rows for the next time."""
    order = [version.number for version in VERSIONS]
    kept = {number: rows[number] for number in sorted(rows, key=order.index)}
    STORED.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text("".join(page(kept)), encoding="utf-8")


def page(rows: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The text of docs/matrix.md."""
    yield f"{HEAD}\n"
    for cells in (COLUMNS, ["---"] * len(COLUMNS), *(list(row.values()) for row in rows.values())):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    main()
