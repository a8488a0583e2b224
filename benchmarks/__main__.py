"""``python -m benchmarks``: those that together take some twenty minutes on two cores."""

from __future__ import annotations

from importlib import import_module

from benchmarks import report

SUITE = ("start", "metrics", "graph", "pipeline", "training_set", "loop", "features", "step")


def main() -> None:
    for name in SUITE:
        report.run(name, import_module(f"benchmarks.{name}").measure)


if __name__ == "__main__":
    main()
