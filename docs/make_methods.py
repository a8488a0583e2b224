"""Writes docs/methods.md, what job=methods prints: python docs/make_methods.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ddag.machine import environment

environment.prepare()  # before MindSpore is imported

from ddag.jobs import methods  # noqa: E402

PAGE = Path(__file__).with_name("methods.md")
HEAD = """# The methods

Written by `python docs/make_methods.py`; `python run.py job=methods` prints the same. Each method
is `model=NAME`, on any data set and by any recipe.

Parameters are those that training moves, network and objective together, of the method as the
command below trains it: with the preset's data set, its number of identities and its image size.
Published scores were printed by others; none was measured here, since we have no access to the real
sets.
"""
MEASURED = """
Step and scores on synthetic people were measured by `python -m benchmarks.methods`: a step of the
published size against the baseline's, turn by turn; and Rank-1 and mAP in percent after
`python run.py sweep=methods`, four epochs, mean and standard deviation over three seeds: too few to
rank methods by.
"""


def page() -> str:
    """The whole of docs/methods.md."""
    found, measured = methods.entries(), methods.read_measured()
    text = [HEAD]
    if measured:
        text.append(MEASURED)
    for title, headings, rows in methods.listings(found, measured):
        text += [f"\n## {title}\n\n", _line(headings), _line(["---"] * len(headings))]
        text += [_line(row) for row in rows]
    trained = "\n".join(" ".join(["python run.py", *entry.words]) for entry in found)
    text.append(f"\n## Commands\n\n```bash\n{trained}\n```\n")
    return "".join(text)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
