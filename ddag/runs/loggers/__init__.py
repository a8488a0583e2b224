"""Loggers: where the numbers of a run go, each behind the same small interface."""
