"""A small training step on a device, in a process of its own: MindSpore may end its process.

``python -m ddag.training.trial ANSWER WORDS...`` takes it and writes what came of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Optional

from ddag.machine.programs import with_this_package
from ddag.settings.commands import override

STEPS = 3  # timed, after one that does not count
# The default method on a few synthetic people, as small as its ResNet-18 goes.
WORDS = (
    "dataset=synthetic", "dataset.generate.identities=8", "dataset.generate.images=2",
    "model.backbone=resnet18", "sampler.identities=2", "sampler.images=2", "train.epochs=10",
    "train.steps=null",
)  # fmt: skip
_PATIENCE = 600  # seconds


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        error: why there was no step, in one line; empty where it was taken.
        compiling: seconds until the step was ready.
        step: seconds, the median of ``STEPS``.
        loss: of the last step.
        said: all that the process printed.
    """

    error: str = ""
    compiling: Optional[float] = None
    step: Optional[float] = None
    loss: Optional[float] = None
    said: str = ""

    @property
    def works(self) -> bool:
        """Whether the device took the step."""
        return not self.error


def attempt(words: Sequence[str]) -> Outcome:
    """Take a small step in a process of its own; ``words``: of its device, as typed."""
    with TemporaryDirectory() as name:
        answer = Path(name) / "answer.json"
        people = override("dataset.root", Path(name) / "people")
        command = [sys.executable, "-m", __name__, str(answer), *WORDS, people, *words]
        try:
            done = subprocess.run(
                command,
                env=with_this_package(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return Outcome(f"no answer after {_PATIENCE} s", said=_text(error.stdout))
        except OSError as error:
            return Outcome(f"cannot be started ({error})")
        return _outcome(answer, done.returncode, _text(done.stdout))


def _outcome(answer: Path, code: int, said: str) -> Outcome:
    """What the process wrote, or how it ended before it could."""
    try:
        found = json.loads(answer.read_text(encoding="utf-8"))
        return Outcome(**{each.name: found[each.name] for each in fields(Outcome)} | {"said": said})
    except (OSError, ValueError, KeyError):
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        last = said.strip().splitlines()[-1:]
        return Outcome(": ".join([f"ended by {ended}", *last]), said=said)


def _text(printed: Any) -> str:
    return (printed or b"").decode("utf-8", "replace")


def main() -> None:
    """Take the step that the command line asks for."""
    answer, *words = sys.argv[1:]
    try:
        outcome = _take(words)
    except (Exception, SystemExit) as error:  # whatever there is to be found
        traceback.print_exc()
        outcome = Outcome(_one_line(error))
    Path(answer).write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # MindSpore may crash where it is ended in order


def _take(words: Sequence[str]) -> Outcome:
    from ddag.composition import compose
    from ddag.machine import environment, processors
    from ddag.settings.choices import Target

    settings = compose(words)
    if settings.device.threads or settings.device.target is Target.CPU:
        processors.claim(settings.device.threads, processors.ALONE)
    environment.prepare()
    from ddag.training import parts

    parts.configure_device(settings)
    built = parts.build(settings)
    (batch,) = built.loader.epoch(0, batches=1)
    scalars = built.method.scalars(None)
    marks, losses = [time.perf_counter()], {}
    built.trainer.compile(batch, scalars)
    for position in range(1 + STEPS):
        losses = built.trainer.step(batch, epoch=0, position=position, scalars=scalars)
        marks.append(time.perf_counter())
    steps = [after - before for before, after in zip(marks[1:], marks[2:])]
    return Outcome(compiling=marks[1] - marks[0], step=median(steps), loss=losses["loss"])


def _one_line(error: BaseException) -> str:
    """What it says first, and, where that is no line of ours, what it is."""
    from ddag.machine.errors import InputError

    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said if isinstance(error, InputError) else f"{type(error).__name__}: {said}"


if __name__ == "__main__":
    main()
