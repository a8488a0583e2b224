from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest

pytest.importorskip("hydra_plugins.hydra_joblib_launcher")  # which MindSpore 1.10's smoke set lacks

from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from joblib.externals.loky import process_executor

from ddag.runs.launchers.pooled import Joblib

REPLACED = "A worker stopped while some jobs were given to the "


def test_a_process_that_is_replaced_between_jobs_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert REPLACED in inspect.getsource(process_executor)

    def launch(*given: Any) -> list[Any]:
        warnings.warn(REPLACED + "executor.", stacklevel=2)  # an error in these tests
        return []

    monkeypatch.setattr(JoblibLauncher, "launch", launch)
    assert Joblib().launch([], 0) == []


def test_other_warnings_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        JoblibLauncher, "launch", lambda *given: warnings.warn("of a job", stacklevel=2)
    )
    with pytest.warns(UserWarning, match="of a job"):
        Joblib().launch([], 0)
