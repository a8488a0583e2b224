"""The pages under ``docs/`` say what the code does: their reference, commands and links."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from pages import PAGES, REPOSITORY, commands

from ddag.composition import compose

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
# And what is taken off a command line before it is composed.
OF_HYDRA = ("-", "hydra", "sweep.resume=", "sweep=tune", "train.resume=s3:")


def test_the_reference_is_what_the_dataclasses_say() -> None:
    place = REPOSITORY / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", place)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    told = "write docs/reference.md anew: python docs/make_reference.py"
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), told


def test_the_reference_says_something_of_every_option_and_setting() -> None:
    text = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
    assert "|  |" not in text


@pytest.mark.parametrize(("page", "words"), list(commands(marked=True)))
def test_every_command_of_the_pages_composes(page: str, words: list[str]) -> None:
    """A value for each of a sweep's is enough: they are checked alike."""
    if not any(word.startswith("--") for word in words):
        own = [word for word in words if not word.startswith(OF_HYDRA)]
        first = [word if "=[" in word else word.partition(",")[0] for word in own]
        assert compose(first), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    linked = LINK.findall(page.read_text(encoding="utf-8"))
    assert [name for name in linked if not (page.parent / name).exists()] == []


def test_the_readme_is_one_screen() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 80
