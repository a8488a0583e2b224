"""Writes docs/ablation.svg and prints its table: python docs/make_ablation.py SWEEP_FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).parents[1]))

from ddag.runs.report import intervals
from ddag.runs.report.answers import compared
from ddag.runs.report.leaderboard import compare
from ddag.runs.report.runs import read_runs
from ddag.runs.report.statistics import Difference

FIGURE = Path(__file__).with_name("ablation.svg")


def main(folder: Path) -> None:
    """The differences of a sweep whose runs were measured by one protocol."""
    board = compare(read_runs(folder))
    (table,) = board.tables
    found = compared(board, table)["mAP"]
    drawn = intervals.draw(found, score="mAP")
    assert drawn is not None, "too few seeds for a result"
    FIGURE.write_text(drawn, encoding="utf-8")
    print("| setting | Rank-1 | mAP | mAP more than the baseline's | 95 % interval |")
    print("|---|---|---|---|---|")
    for row in table.rows:
        scores = " | ".join(row.scores[name].percent() for name in ("rank1", "mAP"))
        difference = table.differences["mAP"].get(row.values)
        print(f"| `{board.name(row.values)}` | {scores} | {_points(difference)} |")
    for name, difference in found.items():
        if name not in map(board.name, (row.values for row in table.rows)):
            print(f"| {name} | | | {_points(difference)} |")


def _points(difference: Optional[Difference]) -> str:
    if difference is None or difference.interval is None:
        return "| "
    low, high = (100 * end for end in difference.interval)
    return f"{100 * difference.mean:+.1f} | {low:+.1f} to {high:+.1f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
