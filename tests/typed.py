"""What tests share of the command line: run.py typed in, and what a run leaves read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Optional

from ddag import composition
from ddag.settings.settings import Settings

REPOSITORY = Path(__file__).parents[1]
# As small as the whole path goes: two epochs of two steps.
TINY = [
    "data.height=64", "data.width=32", "data.test_batch=8", "sampler.identities=2",
    "sampler.images=2", "model.backbone=resnet18", "model.low_dim=8", "model.heads=2",
    "train.epochs=2", "train.steps=2", "train.eval_every=1", "augmentation.crop=2",
]  # fmt: skip


def type_in(
    folder: Path, *words: str, code: int = 0, environment: Optional[Mapping[str, str]] = None
) -> subprocess.CompletedProcess[str]:
    """Run ``run.py`` from ``folder``, with more in its environment, and check how it ends."""
    program = [sys.executable, str(REPOSITORY / "run.py"), *words]
    return _run(program, folder, code, environment or {})


def paste(folder: Path, command: str, *, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Have the shell run a command from ``folder`` as it was printed; as ``type_in``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return _run(["sh", "-c", command], folder, code, {"PATH": path})


def printed(text: str, what: str) -> str:
    """The command in what a run has printed that stands behind ``what``."""
    (line,) = (line for line in text.splitlines() if line.startswith(what))
    return line[len(what) :].strip()


def _run(
    program: Sequence[str], folder: Path, code: int, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        program,
        cwd=folder,
        env={**os.environ, "COLUMNS": "300", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def read_events(folder: Path) -> Any:
    """The folder's TensorBoard events, through TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def only_run(folder: Path) -> Path:
    (run,) = folder.glob("outputs/*/*")
    return run


def read_result(folder: Path) -> dict[str, Any]:
    """The result of the only run in ``folder``."""
    result: dict[str, Any] = json.loads((only_run(folder) / "result.json").read_text())
    return result


def evaluate(
    folder: Path, checkpoint: Path, *words: str, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Type in the job evaluate; as ``type_in``."""
    return type_in(folder, "job=evaluate", f"checkpoint={checkpoint}", *words, code=code)


def read_metrics(run: Path) -> list[dict[str, float]]:
    """A line an epoch."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def parse(*overrides: str) -> Settings:
    """The settings that ``run.py`` would have with these words, each time as new ones."""
    return deepcopy(_parsed(overrides))


@cache
def _parsed(overrides: tuple[str, ...]) -> Settings:
    """Hydra takes a third of a second, and hundreds of tests type the same."""
    return composition.compose(overrides)
