"""What is said of the code that a run is made of, by repositories made for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ddag.machine.errors import InputError
from ddag.runs import provenance
from ddag.training.description import Description

STORED = {"settings": {}, "identities": 5, "epoch": 0, "step": 0}


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "ddag").mkdir()
    (tmp_path / "ddag" / "__init__.py").write_text("")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_checkout_has_its_commit_and_is_dirty_once_its_code_changes(checkout: Path) -> None:
    assert provenance._commit(checkout / "ddag") == git(checkout, "rev-parse", "HEAD")
    (checkout / "outputs").mkdir()
    (checkout / "outputs" / "run.log").write_text("what a run leaves")
    assert provenance._is_dirty(checkout) is False
    (checkout / "ddag" / "new.py").write_text("")
    assert provenance._is_dirty(checkout) is True


def test_a_package_installed_inside_of_a_repository_is_no_part_of_it(checkout: Path) -> None:
    installed = checkout / "venv" / "ddag"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert provenance._commit(installed) is None


def test_without_git_nothing_is_said_of_a_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance._commit(checkout / "ddag") is None


def test_a_run_folder_and_a_checkpoint_keep_all_of_it(tmp_path: Path) -> None:
    found = dict(provenance.collect())
    for name in ("ddag", "python", "mindspore", "numpy", "processor", "system", "command"):
        assert isinstance(found[name], str)
    assert isinstance(found["threads"], int)
    provenance.write(tmp_path)
    assert provenance.read(tmp_path) == found
    assert Description.from_plain({**STORED, "environment": found}).environment == found
    assert Description.from_plain(STORED).environment == {}


@pytest.mark.parametrize("text", ["[]", '{"a": {}}', "{", '{"a": 1e999}'])
def test_what_no_run_wrote_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / provenance.NAME).write_text(text)
    with pytest.raises(InputError, match="no record of a run's environment"):
        provenance.read(tmp_path)


@pytest.mark.parametrize(
    "environment", [[], {"a": []}, {"a": "x" * 10_001}, {str(each): 1 for each in range(51)}]
)
def test_a_checkpoint_that_says_what_no_run_writes_is_refused(environment: object) -> None:
    with pytest.raises(TypeError, match="environment"):
        Description.from_plain({**STORED, "environment": environment})
