"""Run folders as a sweep leaves them, written without any training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from omegaconf import OmegaConf

from ddag.settings.choices import TITLES

Fabricate = Callable[..., Path]


def nested(pairs: dict[str, Any]) -> dict[str, Any]:
    config = OmegaConf.create()
    for key, value in pairs.items():
        OmegaConf.update(config, key, value)
    return OmegaConf.to_container(config)  # type: ignore[return-value]


def result(rank1: float, *, features: Sequence[str], protocol: dict[str, Any]) -> dict[str, Any]:
    scores = dict.fromkeys(TITLES, rank1)
    return {
        "score": rank1,
        "monitor": f"{features[-1]}/rank1",
        "metrics": dict.fromkeys(features, scores),
        "cmc": {feature: [min(1, rank1 + rank / 20) for rank in range(20)] for feature in features},
        "protocol": protocol,
        "epoch": 2,
        "seconds": 9.5,
    }


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
            content = result(rank1, features=features, protocol=protocol)
            (folder / "result.json").write_text(json.dumps(content))
        if error is not None:
            (folder / "error.txt").write_text(error)
        lines = "".join(json.dumps(line) + "\n" for line in history)
        (folder / "metrics.jsonl").write_text(lines)
        return folder

    return write
