from __future__ import annotations

import re
from pathlib import Path

import pytest
from learners import small_method
from typed import REPOSITORY

from ddag.methods import METHODS


@pytest.mark.parametrize("name", METHODS.names)
def test_every_method_has_a_module_an_option_and_a_contract_test_of_its_name(name: str) -> None:
    assert METHODS.find(name).__module__ == f"ddag.methods.{name}"
    assert (REPOSITORY / "conf" / "model" / f"{name}.yaml").is_file()
    test = (Path(__file__).parent / f"test_{name}.py").read_text()
    assert re.search(rf'class Test\w+\(MethodContract\):(?s:.)*method = "{name}"', test)


@pytest.mark.parametrize("name", METHODS.names)
def test_a_method_is_opened_by_its_name_under_its_own_settings(name: str) -> None:
    method = small_method(name)
    assert isinstance(method, METHODS.find(name))
    assert isinstance(method.model, method.config)
