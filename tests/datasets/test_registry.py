from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ddag.datasets import DATASETS, open_dataset
from ddag.datasets.dataset import Dataset
from ddag.machine.errors import InputError
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig, DatasetConfig

CONTRACTS = {"DatasetContract", "GeneratedContract"}
CONF = Path(__file__).parents[2] / "conf" / "dataset"


def held_to_the_contract() -> set[str]:
    """Names of the data sets whose test inherits the contract."""
    found = set()
    for file in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ClassDef):
                continue
            if not CONTRACTS & {base.id for base in node.bases if isinstance(base, ast.Name)}:
                continue
            for line in node.body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "name":
                    found.add(ast.literal_eval(line.value))
    return found


def test_every_data_set_is_held_to_the_contract() -> None:
    assert held_to_the_contract() == set(DATASETS.names)


def test_every_data_set_has_a_file_and_every_file_a_data_set() -> None:
    assert {file.stem for file in CONF.glob("*.yaml")} == set(DATASETS.names)


@pytest.mark.parametrize("name", DATASETS.names)
def test_each_name_leads_to_a_data_set_and_its_settings(name: str) -> None:
    found = DATASETS.find(name)
    assert issubclass(found, Dataset)
    assert issubclass(found.config, DatasetConfig)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    data = DataConfig(height=32, width=16, test_batch=8, workers=1, broken=Broken.refuse)
    with pytest.raises(InputError, match=r"dataset.name=regbd: .*regdb, sysu, llcm, csv"):
        open_dataset(DatasetConfig(name="regbd", root="somewhere"), data)


def test_knowing_the_names_imports_no_numpy() -> None:
    code = "import sys, ddag.datasets; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_a_data_set_needs_neither_mindspore_nor_tensorboardx() -> None:
    script = (
        "import sys\n"
        "from ddag.datasets import DATASETS\n"
        "for name in DATASETS.names: DATASETS.find(name)\n"
        "print({'mindspore', 'tensorboardX'} & sys.modules.keys())"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
