"""Images and what they show as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1280px;margin:2rem auto;padding:0 1rem;"
    "color:#222}img{max-width:100%;height:auto}h1{font-size:1.6rem}h2{margin-top:2.5rem}"
    "th{text-align:left;padding-right:1.5rem;font-weight:600}td{word-break:break-all}"
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: of its file, without an ending.
        title: its heading.
        text: what is seen.
        png: a PNG file; None where there is nothing to show, and ``text`` says why.
    """

    name: str
    title: str
    text: str
    png: Optional[bytes] = None


def to_html(title: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: heading of the page.
        facts: a table below it.
        sections: in order.
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
        for name, value in facts.items()
    )
    body = "\n".join(_section(each) for each in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<table>\n{rows}</table>\n{body}\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    title, text = escape(section.title), escape(section.text)
    image = ""
    if section.png is not None:
        data = base64.b64encode(section.png).decode("ascii")
        image = f'\n<p><img alt="{title}" src="data:image/png;base64,{data}"></p>'
    return f"<h2>{title}</h2>\n<p>{text}</p>{image}"
