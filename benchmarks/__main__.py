"""``python -m benchmarks``: those that together take half an hour on two cores."""

from __future__ import annotations

import subprocess
import sys

SUITE = ("start", "metrics", "graph", "pipeline", "training_set", "loop", "features", "step")


def main() -> None:
    """Each in a process of its own: threads and memory of one would weigh on the next."""
    for name in SUITE:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
