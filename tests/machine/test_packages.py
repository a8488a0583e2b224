from __future__ import annotations

from importlib import metadata

import pytest

from ddag.machine import environment, packages


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is installed, for a test to change."""
    found = {"mindspore": "2.8.0", "numpy": "1.26.4", "pillow": "11.0"}
    monkeypatch.setattr(environment, "version", lambda name: found.get(name, ""))
    needed = ["numpy<2.0.0,>=1.20.0", "pillow>=6.2.0", 'torch; extra == "torch"', "not a name"]
    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "11", "7"))
    return found


def test_what_goes_together_is_no_trouble(installed: dict[str, str]) -> None:
    assert packages.troubles() == []


def test_only_installed_packages_have_a_version(installed: dict[str, str]) -> None:
    versions = packages.versions()
    assert {**installed, "python": versions["python"]} == versions


def test_a_package_that_mindspore_cannot_work_with_has_its_remedy(
    installed: dict[str, str],
) -> None:
    installed["numpy"] = "2.3.5"
    del installed["pillow"]
    numpy, pillow = packages.troubles()
    assert numpy.startswith("numpy=2.3.5: mindspore 2.8.0 needs ")
    assert numpy.endswith('run pip install "numpy<2.0.0,>=1.20.0"')
    assert pillow.startswith("pillow=missing: ")


def test_a_missing_mindspore_is_all_that_is_said(installed: dict[str, str]) -> None:
    del installed["mindspore"]
    assert packages.troubles() == [environment.MISSING]


def test_two_mindspores_at_once_are_said(installed: dict[str, str]) -> None:
    installed["mindspore-gpu"] = "1.10.0"
    (trouble,) = packages.troubles()
    assert "pip uninstall mindspore mindspore-gpu" in trouble


def test_a_python_without_a_wheel_is_said(
    installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "13", "0"))
    (trouble,) = packages.troubles()
    assert trouble.startswith("python=3.13: ")
