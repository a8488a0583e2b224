"""What the command needs to start at all, in one line where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ddag import start

RUN = Path(__file__).parents[1] / "run.py"


def test_a_package_that_is_not_installed_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "hydra.py").write_text("raise ModuleNotFoundError(name='hydra')")
    done = subprocess.run(
        [sys.executable, str(RUN), "--help"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == 'error: hydra: not installed; run pip install -e ".[cpu]" (or ".[gpu]")\n'


def test_a_python_that_is_too_old_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: Python 3.8: too old; run this with Python 3.9 to 3.12\n"
    )
