"""What tests of the pages share: the pages, and the commands of their blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^\n]*-->\n+)?^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(*, marked: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Page and arguments of each ``python run.py`` of a command block.

    Args:
        marked: also those of blocks that a comment says not to run.
    """
    for page in PAGES:
        for mark, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", "").splitlines():
                for command in line.split("&&"):
                    before, found, words = command.partition("python run.py")
                    if found and not before.strip() and (marked or not mark):
                        yield page.name, shlex.split(words, comments=True)
