"""The job methods: the methods there are, with papers, sizes, published scores and commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from ddag.composition import compose
from ddag.machine.screen import plain, show_line, show_table
from ddag.methods import METHODS, open_method
from ddag.methods.about import About
from ddag.runs.report.leaderboard import Score
from ddag.settings.commands import command
from ddag.settings.settings import Settings
from ddag.training import parts

# What python -m benchmarks.methods found; not there before it was run.
MEASURED = Path(__file__).parents[1] / "methods" / "measured.json"


@dataclass(frozen=True)
class Entry:
    """A method, with what only its built network tells.

    Attributes:
        name: option of ``model``.
        about: what the method says of itself.
        parameters: that training moves, of network and objective together, by ``words``.
        words: that train it on its benchmark by its authors' recipe.
    """

    name: str
    about: About
    parameters: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What a method came to here.

    Attributes:
        rank1: of each seed, on synthetic people, fractions of 1.
        mAP: likewise.
        step: time of a training step as a share of the baseline's.
    """

    rank1: Sequence[float]
    mAP: Sequence[float]  # noqa: N815, the field writes it so
    step: float


class Listing(NamedTuple):
    """A table, as text."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Print the tables and the command that trains each method; the score is 0."""
    parts.configure_device(settings)
    found = entries()
    for listing in listings(found, read_measured()):
        table = Table(*listing.headings)
        for row in listing.rows:
            table.add_row(*row)
        show_table(listing.title, table)
    for entry in found:  # a line each however long, so that it can be copied
        show_line(plain(command(*entry.words)))
    return 0.0


def entries() -> list[Entry]:
    """This package's methods, each built once, at the size of its benchmark."""
    found = []
    for name in METHODS.own:
        about = METHODS.find(name).about
        if about is None:
            continue
        option = about.option or name
        words = (f"experiment={about.preset.name}", f"model={option}", f"recipe={about.recipe}")
        learner = parts.build_learner(open_method(compose(words)), about.preset.identities)
        parameters = sum(parameter.size for parameter in learner.trainable_params())
        found.append(Entry(name, about, parameters, words))
    return found


def listings(found: Sequence[Entry], measured: Mapping[str, Measured]) -> list[Listing]:
    """The methods with sizes and what was measured of them; published scores; papers."""
    headings = ["method", "what", "parameters, million"]
    sizes = [[e.name, e.about.title, f"{e.parameters / 1e6:.2f}"] for e in found]
    if measured:
        headings += ["step / baseline's", "Rank-1, synthetic people", "mAP, synthetic people"]
        for row in sizes:
            row += _measured_cells(measured[row[0]]) if row[0] in measured else ["", "", ""]
    scores = [
        [e.name, each.benchmark.title, f"{each.rank1:.2f}", f"{each.mAP:.2f}", each.source]
        for e in found
        for each in e.about.published
    ]
    return [
        Listing("Methods", headings, sizes),
        Listing(
            "Published scores, percent", ["method", "on", "Rank-1", "mAP", "printed by"], scores
        ),
        Listing("Papers", ["method", "paper", "link"], [
            [e.name, e.about.paper, e.about.link] for e in found
        ]),
    ]  # fmt: skip


def read_measured(file: Path = MEASURED) -> dict[str, Measured]:
    """What was measured, by method; empty before ``python -m benchmarks.methods`` was run."""
    if not file.is_file():
        return {}
    stored = json.loads(file.read_text(encoding="utf-8"))
    return {name: Measured(**each) for name, each in stored["methods"].items()}


def _measured_cells(measured: Measured) -> list[str]:
    return [f"{measured.step:.2f}", _percent(measured.rank1), _percent(measured.mAP)]


def _percent(values: Sequence[float]) -> str:
    """Mean and standard deviation (divisor n - 1) in percent."""
    score = Score.of(values)
    return f"{100 * score.mean:.2f} ± {100 * score.std:.2f}"
