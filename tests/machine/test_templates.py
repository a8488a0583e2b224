from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from ddag.machine.templates import fill


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "page.html.jinja"
    file.write_text('<p title="{{ word }}">{{ word }}</p>\n')
    return file


def test_words_cannot_become_markup(template: Path) -> None:
    word = "&lt;b&gt; &amp; &#34;quoted&#34;"
    assert fill(template, word='<b> & "quoted"') == f'<p title="{word}">{word}</p>\n'


def test_a_word_that_the_template_lacks_is_an_error(template: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="word"):
        fill(template, words="misnamed")
