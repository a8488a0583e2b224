"""The rule of the house: imports only point down, and never sideways between rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ddag"

# Low to high; see CONTRIBUTING.md. A room is a package, or a module that stands alone.
ROWS = [
    {"machine"},
    {"storage"},
    {"settings"},
    {"data", "model", "people"},
    {"datasets", "losses", "weights"},
    {"methods", "evaluation"},
    {"composition", "drawing", "export"},
    {"runs"},
    {"training"},
    {"gallery"},
    {"serve"},
    {"jobs"},
    {"worker"},
    {"command", "api"},
    {"start"},
    {"__main__", "modelarts"},
]
WITH_HYDRA = {
    "composition",
    "command",
    "settings.endings",
    "settings.wrong_words",
    "runs.launchers.chosen",
    "runs.launchers.job",
    "runs.launchers.on_ray",
    "runs.launchers.places",
    "runs.launchers.pooled",
    "runs.launchers.submitted",
    "runs.launchers.watch",
    "runs.resuming",
    "runs.sweeps",
}
# What a config error, --help or a job that computes nothing passes through.
WITHOUT_MINDSPORE = [
    "machine.", "storage.", "settings.", "people.", "datasets.", "methods.", "composition",
    "command", "start", "worker", "runs.", "data.records", "data.images", "data.protocol",
    "model.shape", "model.initial", "weights.names", "jobs.check", "jobs.prepare", "jobs.report",
    "evaluation.metrics", "evaluation.ranking",
]  # fmt: skip
MINDSPORES = {"machine.device"}  # imported by what computes alone


def modules() -> dict[str, Path]:
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    return {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in files}


def room(module: str) -> str:
    return module.partition(".")[0]


def row(module: str) -> int:
    for number, rooms in enumerate(ROWS):
        if room(module) in rooms:
            return number
    raise AssertionError(f"{module} stands in no row: say in tests/test_layers.py where it belongs")


def imports(file: Path) -> set[str]:
    """Whole names of everything that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return found


def own(names: set[str]) -> set[str]:
    known = modules()
    return {name[5:] for name in names if name.startswith("ddag.") and name[5:] in known}


def test_a_module_imports_only_from_its_own_room_or_rows_below() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, file in modules().items()
        for other in own(imports(file))
        if room(other) != room(module) and row(other) >= row(module)
    ]
    assert not wrong


def test_rooms_that_stand_in_the_rows_are_there() -> None:
    assert set().union(*ROWS) == {room(module) for module in modules()}


def test_modules_of_a_room_import_in_no_circle() -> None:
    below = {module: own(imports(file)) for module, file in modules().items()}
    while leaves := {module for module, others in below.items() if not others & below.keys()}:
        below = {module: others for module, others in below.items() if module not in leaves}
    assert not below


DATA_SETS = ("regdb", "sysu", "llcm", "RegDB", "SYSU", "LLCM")


def test_no_code_outside_of_datasets_names_a_data_set() -> None:
    naming = set()
    for module, file in modules().items():
        tree = ast.parse(file.read_text())
        texts = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }  # docstrings
        words = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in texts
        ] + [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        if room(module) != "datasets" and any(name in word for name in DATA_SETS for word in words):
            naming.add(module)
    assert not naming


def test_only_the_outermost_modules_know_hydra() -> None:
    knowing = {
        module
        for module, file in modules().items()
        if any(name.split(".")[0] == "hydra" for name in imports(file))
    }
    assert knowing <= WITH_HYDRA


@pytest.mark.parametrize("place", WITHOUT_MINDSPORE)
def test_no_module_that_a_config_error_passes_through_imports_mindspore_at_its_top(
    place: str,
) -> None:
    held = [
        module
        for module in modules()
        if module == place or (place.endswith(".") and module.startswith(place))
    ]
    assert held
    for module in set(held) - MINDSPORES:
        for node in ast.parse(modules()[module].read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "mindspore" for name in names), module


def test_each_module_says_its_job_in_its_first_line() -> None:
    for module, file in modules().items():
        docstring = ast.get_docstring(ast.parse(file.read_text()))
        assert docstring, module
        assert docstring.splitlines()[0].endswith((".", "?")), module


def test_no_module_grows_past_300_lines() -> None:
    long = [
        module for module, file in modules().items() if len(file.read_text().splitlines()) > 300
    ]
    assert not long


def test_no_function_grows_past_40_lines() -> None:
    long = [
        f"{module}: {node.name}"
        for module, file in modules().items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 40
    ]
    assert not long


def test_no_test_imports_from_another() -> None:
    tests = list(Path(__file__).parent.rglob("test_*.py"))
    names = {file.stem for file in tests}
    wrong = [
        f"{file.name} imports {name}"
        for file in tests
        for name in imports(file)
        if name.rpartition(".")[2] in names and not name.startswith(("ddag", "benchmarks"))
    ]
    assert not wrong
