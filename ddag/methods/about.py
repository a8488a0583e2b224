"""What a method says of itself in the table of methods: paper and published scores."""

from __future__ import annotations

from dataclasses import dataclass

from ddag.datasets.benchmarks import Benchmark


@dataclass(frozen=True)
class Published:
    """Scores of a method that somebody printed; none of them was measured here.

    Attributes:
        benchmark: what they were measured on.
        rank1: percent, as ``mAP``.
        mAP: mean average precision.
        source: who printed them, and where they ranked in another way than all, how.
    """

    benchmark: Benchmark
    rank1: float
    mAP: float  # noqa: N815, the field writes it so
    source: str


@dataclass(frozen=True)
class About:
    """A method in the table of methods.

    Attributes:
        title: what it is, in a few words.
        paper: authors, title and place.
        link: to the paper or its release.
        recipe: that its authors trained it by, an option of ``recipe``.
        option: of ``model`` that is theirs; empty where it has the method's name.
        published: its scores.
        preset: benchmark on which the table shows how to train it and how large it then is.
    """

    title: str
    paper: str
    link: str
    recipe: str
    option: str = ""
    published: tuple[Published, ...] = ()
    preset: Benchmark = Benchmark.sysu_all
