"""The list of packages; pyproject.toml has no way to say "those found, and conf/ as ddag.conf"."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["ddag", "ddag.*"]), "ddag.conf"])
