from __future__ import annotations

import logging

import pytest

from ddag.machine import screen
from ddag.machine.words import cell, counted, printable, shortened


@pytest.mark.parametrize("mark", ["\x00", "\x1b", "\x9b", "\u2028", "\u202e", "\ud800", "\ufffe"])
def test_what_no_line_of_text_has_gets_a_sign_in_its_place(mark: str) -> None:
    assert printable(f"a{mark}b") in ("a\ufffdb", "a b")
    printable(f"a{mark}b").encode()


def test_letters_of_every_script_stay_and_a_new_line_is_a_blank() -> None:
    assert printable("é漢🙂 नि\n[/x]\tb") == "é漢🙂 नि [/x] b"


def test_long_words_are_cut_off() -> None:
    assert shortened("x" * 10, 8) == "xxxxx..."
    assert shortened("x" * 8, 8) == "x" * 8


@pytest.mark.parametrize("word", ["=1", "+a", "-a", "@a", "\t=1", " =1", "-1+1", "--1", "-"])
def test_a_formula_becomes_a_word_and_a_number_or_a_dash_stays(word: str) -> None:
    assert cell(word) == (word if word == "-" else f"'{word}")
    for harmless in ("-1", "+1.5", "-2e-07", "a=1", ""):
        assert cell(harmless) == harmless


def test_a_log_has_nothing_that_a_terminal_obeys_and_keeps_the_lines_of_a_traceback() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "%s\nb", ("\x1b[2J[/x]",), None)
    assert screen.Lines("%(message)s").format(record) == "\ufffd[2J[/x]\nb"
    assert str(screen.plain("[/x] :cat:")) == "[/x] :cat:"
    assert str(screen.marked(f"[bold]{screen.literal('[/x] :cat:')}[/bold]")) == "[/x] :cat:"


def test_one_of_something_is_said_in_the_singular() -> None:
    assert [counted(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
