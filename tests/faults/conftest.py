from __future__ import annotations

import time
from pathlib import Path

import killing
import pytest


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> killing.Whole:
    run = tmp_path_factory.mktemp("whole") / "run"
    start = time.monotonic()
    killing.finish(killing.start(run, tiny_regdb))
    return killing.Whole(killing.outcome(run), time.monotonic() - start)
