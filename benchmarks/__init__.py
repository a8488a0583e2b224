"""How fast and how lean the framework is, measured side by side: ``python -m benchmarks``."""

from ddag.machine import environment

environment.prepare()  # before anything here imports MindSpore
