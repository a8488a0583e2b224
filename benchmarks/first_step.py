"""``run.py``, ended as soon as its first training step is taken: ``first_step.py WORDS...``."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "run.py"

if __name__ == "__main__":
    sys.path.insert(0, str(RUN.parent))
    from ddag.machine import environment, processors

    processors.claim(None, processors.ALONE)
    environment.prepare()
    from ddag.training.step import Trainer

    step = Trainer.step

    def first(*args: object, **kwargs: object) -> None:
        """Take a step and end."""
        step(*args, **kwargs)  # type: ignore[arg-type]
        os._exit(0)

    Trainer.step = first  # type: ignore[assignment, method-assign]
    sys.argv[0] = str(RUN)
    runpy.run_path(str(RUN), run_name="__main__")
