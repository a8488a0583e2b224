"""How fast and how lean the framework is, measured side by side: ``python -m benchmarks``."""
