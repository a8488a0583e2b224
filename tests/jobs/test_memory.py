"""What a job says where memory does not suffice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typed import parse

from ddag import jobs
from ddag.data import images as image_files
from ddag.datasets import open_dataset
from ddag.jobs import check
from ddag.machine.errors import InputError
from ddag.settings.settings import Settings


def test_the_settings_of_what_ran_out_of_memory_are_said_with_their_values(
    tmp_path: Path, tiny_regdb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse("job=check", "dataset=regdb", f"dataset.root={tiny_regdb}", "data.width=60")

    def load(settings: Settings, *_: object) -> float:
        records = open_dataset(settings.dataset, settings.data).list_train().visible
        image_files.load(records, height=1 << 20, width=1 << 30)
        return 0.0

    monkeypatch.setattr(check, "run", load)
    with pytest.raises(InputError) as caught:
        jobs.run(settings, tmp_path, [])
    said = str(caught.value)
    assert said.startswith("memory: there is too little for this job (")
    assert said.endswith("GB were asked for at once); lower data.height=288, data.width=60")


def test_another_failure_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError("a bug")

    monkeypatch.setattr(check, "run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        jobs.run(parse("job=check"), tmp_path, [])


def test_memory_lacking_elsewhere_names_every_setting_that_takes_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", lambda *_: np.empty((1 << 21, 1 << 30), np.float32))
    with pytest.raises(InputError) as caught:
        jobs.run(parse("job=check"), tmp_path, [])
    for name in ("sampler.identities=", "data.height=", "data.test_batch="):
        assert name in str(caught.value)
