"""Steps of small methods in one process of several, or in the only one.

Run as a program it reads a list of cases from a file, and writes what came of each to another.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from typed import REPOSITORY

from ddag.machine import sharing
from ddag.runs import launch

HEIGHT, WIDTH, IDENTITIES = 48, 24, 5
RATE = 1e-5
SGD = ("optimizer=sgd", f"data.height={HEIGHT}", f"data.width={WIDTH}")


class Case(NamedTuple):
    """What is trained.

    Attributes:
        method: its name.
        words: overrides as typed.
        steps: how many.
        mode: of MindSpore.
        samples: of a batch.
        order: ``turned`` gives each batch's samples from the last to the first.
    """

    method: str
    words: tuple[str, ...] = ()
    steps: int = 3
    mode: str = "graph"
    samples: int = 8
    order: str = ""


class Trained(NamedTuple):
    """What came of it.

    Attributes:
        losses: of each step, by name.
        digest: of all weights at the end.
        moved: by how much the weights have moved, the sum of the absolute values.
    """

    losses: list[dict[str, float]]
    digest: str
    moved: float


def train(cases: Sequence[Case], folder: Path, *, workers: int = 1) -> list[list[Trained]]:
    """What came of each case in each of so many processes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(cases))
    places: list[dict[str, str]] = [{}]
    scheduler = None
    if workers > 1:
        meeting = {
            sharing.COUNT: str(workers),
            sharing.HOST: "127.0.0.1",
            sharing.PORT: str(launch.free_port()),
        }
        scheduler = launch.start_process({}, {sharing.ROLE: sharing.SCHEDULER, **meeting})
        places = [
            {sharing.ROLE: sharing.WORKER, sharing.INDEX: str(index), **meeting}
            for index in range(workers)
        ]
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    processes = []
    for index, place in enumerate(places):
        with (folder / f"{index}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, __file__, str(folder), str(index)],
                env={**os.environ, "PYTHONPATH": path, **place},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
    try:
        for index, process in enumerate(processes):
            code = process.wait(timeout=600)
            assert code == 0, (folder / f"{index}.log").read_text()
    finally:
        for each in [*processes, *([scheduler] if scheduler else [])]:
            if each.poll() is None:
                each.send_signal(signal.SIGKILL)
                each.wait()
    read = [json.loads((folder / f"{index}.json").read_text()) for index in range(workers)]
    return [[Trained(*found) for found in of_case] for of_case in zip(*read)]


def main() -> None:
    from ddag.machine import environment

    folder, index = Path(sys.argv[1]), sys.argv[2]
    environment.prepare()
    cases = [Case(*each) for each in json.loads((folder / "cases.json").read_text())]
    found = [_take(case, number) for number, case in enumerate(cases)]
    (folder / f"{index}.json").write_text(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def _take(case: Case, number: int) -> Trained:
    import numpy as np
    from learners import small

    from ddag.machine import device
    from ddag.training import parts
    from ddag.training.accumulating import parted
    from ddag.training.step import Trainer

    share = sharing.of_environment()
    several = share.count > 1 and number == 0
    device.configure("CPU", device_id=0, mode=case.mode, seed=0, several=several)
    method, learner = small(case.method, *SGD, *case.words, identities=IDENTITIES)
    learner.share_out(share, views=len(method.views), sync_bn=method.settings.device.sync_bn)
    before = [each.asnumpy().copy() for each in learner.trainable_params()]
    optimizer = parts.build_optimizer(method, learner, [RATE] * case.steps)
    how: Any = {"clip": method.settings.optimizer.clip, "parts": parted(method)}
    trainer = Trainer(learner, optimizer, seed=0, share=share, **how)
    losses = [
        trainer.step(
            _batch(method, case, position, share), epoch=0, position=position,
            scalars=method.scalars(1.0),
        )
        for position in range(case.steps)
    ]  # fmt: skip
    digest = hashlib.sha256()
    for each in learner.get_parameters():
        digest.update(each.asnumpy().tobytes())
    moved = sum(
        float(np.abs(after.asnumpy() - each).sum(dtype=np.float64))
        for after, each in zip(learner.trainable_params(), before)
    )
    return Trained(losses, digest.hexdigest(), moved)


def _batch(method: Any, case: Case, position: int, share: sharing.Share) -> Any:
    """The process's own of a batch that depends on nothing but the position."""
    import numpy as np

    from ddag.data.loader import Batch

    generator = np.random.default_rng(position)
    shape = (case.samples, 3, HEIGHT, WIDTH)
    views = [(view, generator.normal(size=shape).astype(np.float32)) for view in method.views]
    identities = np.arange(case.samples, dtype=np.int32) // 2 % IDENTITIES
    if case.order == "turned":
        views = [(view, images[::-1].copy()) for view, images in views]
        identities = identities[::-1].copy()
    rows = share.rows(case.samples)
    return Batch.of_views([(view, images[rows]) for view, images in views], identities)


if __name__ == "__main__":
    main()
