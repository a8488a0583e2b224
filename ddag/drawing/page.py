"""Images and what they show as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ddag.machine.templates import fill

_TEMPLATE = Path(__file__).with_name("page.html.jinja")


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

    @property
    def image(self) -> Optional[str]:
        """The address of an image that holds it itself."""
        if self.png is None:
            return None
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


def to_html(title: str, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: heading of the page.
        facts: a table below it.
        sections: in order.
    """
    return fill(_TEMPLATE, title=title, facts=facts, sections=sections)
