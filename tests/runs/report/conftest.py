"""Run folders as a sweep leaves them, written without any training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from finished import finished
from omegaconf import OmegaConf

Fabricate = Callable[..., Path]


def nested(pairs: dict[str, Any]) -> dict[str, Any]:
    config = OmegaConf.create()
    for key, value in pairs.items():
        OmegaConf.update(config, key, value)
    return OmegaConf.to_container(config)  # type: ignore[return-value]


@pytest.fixture
def fabricate(tmp_path: Path) -> Fabricate:
    """Write a run into the test's folder, by its name; the settings given are the typed ones."""

    def write(
        name: str,
        settings: dict[str, Any],
        *,
        rank1: Optional[float] = None,
        error: Optional[str] = None,
        features: Sequence[str] = ("feat",),
        trial: int = 1,
        direction: str = "v2i",
        history: Sequence[dict[str, float]] = (),
        defaults: Optional[dict[str, Any]] = None,
        warnings: Sequence[str] = (),
        size: Optional[dict[str, float]] = None,
    ) -> Path:
        folder = tmp_path / name
        (folder / ".hydra").mkdir(parents=True)
        everything = {"job.name": "train", "model.part": 3, "seed": 0, **(defaults or {})}
        config = nested({**everything, **settings})
        words = [f"{key}={value}" for key, value in settings.items()]
        choices = {"hydra": {"runtime": {"choices": {"optimizer": "adam"}}}}
        for file, content in (("config", config), ("overrides", words), ("hydra", choices)):
            OmegaConf.save(OmegaConf.create(content), folder / ".hydra" / f"{file}.yaml")
        if rank1 is not None:
            protocol = {"dataset": "regdb", "direction": direction, "trial": trial}
            protocol.update(size or {})
            result = finished(rank1, features=features, protocol=protocol)
            replace(result, warnings=tuple(warnings)).write(folder)
        if error is not None:
            (folder / "error.txt").write_text(error)
        lines = "".join(json.dumps(line) + "\n" for line in history)
        (folder / "metrics.jsonl").write_text(lines)
        return folder

    return write
