"""Takes the images of generated people: many of them in several processes, which draw side by side.

``python -m ddag.people.crew`` is one of those processes.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ddag.machine import processors
from ddag.machine.programs import with_this_package
from ddag.machine.threads import in_threads
from ddag.people.cameras import take_image
from ddag.people.conditions import Condition, conditioned
from ddag.people.layout import Shot
from ddag.people.person import Person, random_person
from ddag.settings.data import Dials

# Images for a process: fewer are drawn before it has begun. Threads alone would draw hardly faster
# than one of them, for all but a file's opening holds Python's lock.
_MANY = 500
_MOST = 256  # processes: the number of one is a byte
_DEFAULT = Dials()
_IMAGE = 2  # this stream's number; those of a person are in person.py, of dials in conditions.py


def photograph(person: Person, shot: Shot, *, seed: int, dials: Dials = _DEFAULT) -> Image.Image:
    """The image that a shot asks for of a person who is ``conditioned`` by these dials."""
    key = seed, shot.identity, shot.camera, shot.number
    rng = np.random.default_rng([*key, _IMAGE])
    condition = Condition(dials, key)
    return take_image(person, shot.modality, shot.size, rng, condition=condition)


@dataclass(frozen=True)
class Task:
    """Shots to take, and where to: ``generate`` says what its fields are."""

    root: Path
    shots: Sequence[Shot]
    seed: int
    dials: Dials

    def perform(self, advance: Callable[[], None]) -> None:
        """Take the shots in their order; ``advance`` is called after each.

        Raises:
            OSError: one cannot be written.
        """
        identities = {shot.identity for shot in self.shots}
        people = {i: conditioned(random_person(self.seed, i), self.dials) for i in identities}

        def take(shot: Shot) -> None:
            path = self.root / shot.path
            path.parent.mkdir(parents=True, exist_ok=True)
            image = photograph(people[shot.identity], shot, seed=self.seed, dials=self.dials)
            image.save(path, quality=92)

        for _ in in_threads(take, self.shots):
            advance()


def perform(task: Task, advance: Callable[[], None]) -> None:
    """Take the shots, as many processes at a time as pay; ``advance`` is called after each.

    Raises:
        OSError: one cannot be written.
    """
    count = min(processors.count(), len(task.shots) // _MANY, _MOST)
    if count < 2:
        task.perform(advance)
        return
    shares = [replace(task, shots=task.shots[number::count]) for number in range(count)]
    done = _by_processes(shares, advance)
    # What a process could not do is done here, or fails here and says why.
    for share, taken in zip(shares, done):
        if taken < len(share.shots):
            replace(share, shots=share.shots[taken:]).perform(advance)


def _by_processes(shares: Sequence[Task], advance: Callable[[], None]) -> list[int]:
    """How many shots of each share a process of its own has taken, from the first on."""
    done = [0] * len(shares)
    answers, answering = os.pipe()
    crew: list[subprocess.Popen[bytes]] = []
    try:
        try:
            with suppress(OSError):  # no memory for one more
                for number in range(len(shares)):
                    crew.append(_begin(number, answering))
        finally:
            os.close(answering)
        for process, share in zip(crew, shares):
            assert process.stdin is not None
            with suppress(OSError), process.stdin:  # it may have ended already
                pickle.dump(share, process.stdin)
        while told := os.read(answers, 1 << 12):
            for number in told:
                done[number] += 1
                advance()
    finally:
        os.close(answers)
        for process in crew:
            process.kill()
            process.wait()
    return done


def _begin(number: int, answering: int) -> subprocess.Popen[bytes]:
    """A process that reads its share and answers with its number after each shot.

    A terminal's signals do not reach it; it ends with the one who reads its answers.
    """
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(number)],
        env=with_this_package(),
        stdin=subprocess.PIPE,
        stdout=answering,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Take the share that is read from the standard input."""
    answer = bytes([int(sys.argv[1])])
    task: Task = pickle.load(sys.stdin.buffer)
    task.perform(lambda: _say(answer))


def _say(answer: bytes) -> None:
    os.write(sys.stdout.fileno(), answer)


if __name__ == "__main__":
    main()
