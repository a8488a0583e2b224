"""The package as it is installed: what the wheel holds, and its doors beside ``run.py``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[1]
FROM_CHECKOUT = [sys.executable, str(REPOSITORY / "run.py")]
AS_MODULE = [sys.executable, "-m", "ddag"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools packs what earlier builds left beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    caches = shutil.ignore_patterns("__pycache__")
    for name in ("ddag", "conf"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=caches)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder with the wheel's content as ``pip install`` lays it out."""
    folder = wheel.parent / "installed"
    pip("install", "--target", str(folder), str(wheel))
    return folder


def pip(command: str, *words: str) -> None:
    always = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", command, *always, *words], check=True)


def ask(
    door: Sequence[str], folder: Path, packages: Path | None, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """What a door answers in ``folder``, where ``packages`` is all that Python is told of."""
    there = {"PYTHONPATH": str(packages)} if packages else {}
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*door, *words],
        cwd=folder,
        env={**known, "COLUMNS": "300", **there, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_the_package_and_the_configuration_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    package = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "ddag").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    configuration = {
        f"ddag/{path.relative_to(REPOSITORY).as_posix()}"
        for path in (REPOSITORY / "conf").rglob("*.yaml")
    }
    assert held == package | configuration


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"], ["model.part=three"]])
def test_all_doors_answer_alike(installed: Path, tmp_path: Path, words: list[str]) -> None:
    doors = [
        ask(FROM_CHECKOUT, tmp_path, None, *words),
        ask([str(installed / "bin" / "ddag")], tmp_path, installed, *words),
        ask(AS_MODULE, tmp_path, installed, *words),
    ]
    first, *others = [(done.returncode, done.stdout, done.stderr) for done in doors]
    assert others == [first, first]
    assert first[0] == (2 if "model.part=three" in words else 0)
    assert "model" in first[1] + first[2]


def test_an_installed_package_reads_the_configuration_that_it_came_with(
    installed: Path, tmp_path: Path
) -> None:
    done = ask(AS_MODULE, tmp_path, installed, "--info", "searchpath")
    assert str(installed / "ddag" / "conf") in done.stdout
    assert str(REPOSITORY) not in done.stdout


def test_all_doors_complete_a_word(installed: Path, tmp_path: Path) -> None:
    for typed, door, packages in (
        ("python run.py", FROM_CHECKOUT, None),
        ("ddag", [str(installed / "bin" / "ddag")], installed),
        ("python -m ddag", AS_MODULE, installed),
    ):
        line = f"{typed} sweep="
        done = ask(door, tmp_path, packages, "-sc", "query=bash", COMP_LINE=line)
        assert "sweep=branches" in done.stdout.split(), typed


def test_bash_completes_python_m_ddag(installed: Path, tmp_path: Path) -> None:
    script = (
        'eval "$(python -m ddag -sc install=bash)"\n'
        'COMP_LINE="python -m ddag sweep=br"\n'
        "ddag_bash_completion python sweep=br ddag\n"
        'echo "${COMPREPLY[@]}"; complete -p python'
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = ask(["bash", "-c", script], tmp_path, installed, PATH=path)
    assert done.stdout.splitlines()[0] == "sweep=branches"
    assert "ddag_bash_completion python" in done.stdout


def test_run_says_what_completion_in_fish_looks_for() -> None:
    assert "@hydra.main" in (REPOSITORY / "run.py").read_text()
