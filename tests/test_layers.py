"""The rule of the house: a module imports only from rows above its own."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ddag"

# Low to high; see CONTRIBUTING.md. A name ending in a dot stands for every module below it.
ROWS = [
    {
        "errors",
        "choices",
        "files",
        "environment",
        "model.shape",
        "data.records",
        "run_folders",
        "interruption",
        "processors",
    },
    {
        "settings",
        "data_settings",
        "job_settings",
        "metrics",
        "rerank",
        "ranking",
        "schedule",
        "data.sampler",
        "data.erasing",
        "data.grayscale",
    },
    {"config", "data.", "model.", "losses", "device", "report."},
    {"optim", "checkpoint", "tracking", "drawing."},
    {"train", "evaluate", "attention", "sources", "image_folder"},
    {"build", "inspection", "summaries", "progress", "checkpoint_folder", "compiled"},
    {"training", "restore"},
    {"experiment", "exchange", "visualize", "search", "profiling"},
    {"jobs", "command_line", "sweeps"},
]
WITH_HYDRA = {"config", "command_line", "sweeps"}
WITHOUT_MINDSPORE = [
    *ROWS[0],
    *ROWS[1],
    "config",
    "tracking",
    "sources",
    "inspection",
    "jobs",
    "report.files",
    "sweeps",
]


def modules() -> dict[str, Path]:
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    return {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in files}


def row(module: str) -> int:
    for number, names in enumerate(ROWS):
        if module in names:
            return number
    for number, names in enumerate(ROWS):
        if any(name.endswith(".") and module.startswith(name) for name in names):
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


def test_a_module_imports_only_from_its_row_or_rows_above() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, file in modules().items()
        for other in own(imports(file))
        if row(other) > row(module)
    ]
    assert not wrong


def test_only_the_outermost_modules_know_hydra() -> None:
    knowing = {
        module
        for module, file in modules().items()
        if any(name.split(".")[0] == "hydra" for name in imports(file))
    }
    assert knowing <= WITH_HYDRA


def test_no_module_that_a_config_error_passes_through_imports_mindspore_at_its_top() -> None:
    for module in WITHOUT_MINDSPORE:
        if module.endswith("."):
            continue
        tree = ast.parse(modules()[module].read_text())
        for node in tree.body:
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
