"""Commands as they are printed: for the shell and for Hydra."""

from __future__ import annotations

import shlex
import sys

import hypothesis
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import strategies as st

from ddag.settings.commands import command, override

LETTERS = st.sampled_from("a0./-_ =,'\"\\:{}[]()~@$ä\t#*?%|&;!")


@hypothesis.settings(max_examples=300, deadline=None, derandomize=True)
@hypothesis.given(st.text(LETTERS).filter(lambda text: "${" not in text))
@hypothesis.example("null")
@hypothesis.example("1e5")
@hypothesis.example("multirun_sweeps/x/0_model.graph=True,seed=1/checkpoints/best.ckpt")
def test_a_path_comes_back_from_shell_and_hydra_as_it_was(path: str) -> None:
    _, word = shlex.split(command(override("checkpoint", path)).partition("-m ")[2])
    parsed = OverridesParser.create().parse_override(word)
    assert (parsed.key_or_group, parsed.value()) == ("checkpoint", path)


def test_a_plain_path_stays_without_quotes() -> None:
    path = "outputs/toy/2026-11-24_17-00-00-000000/checkpoints/best.ckpt"
    assert override("checkpoint", path) == f"checkpoint={path}"


@pytest.mark.parametrize(
    ("called", "printed"),
    [
        ("run.py", "python run.py seed=1"),
        ("/a b/run.py", "python '/a b/run.py' seed=1"),
        ("/usr/bin/ddag", "ddag seed=1"),
        ("/site-packages/ddag/__main__.py", "python -m ddag seed=1"),
        ("/site-packages/ipykernel_launcher.py", "python -m ddag seed=1"),
    ],
)
def test_a_command_is_that_by_which_the_program_was_called(
    monkeypatch: pytest.MonkeyPatch, called: str, printed: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert command("seed=1") == printed
