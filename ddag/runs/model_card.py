"""A card beside exported weights: what they are, and what they were measured to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import yaml

from ddag.machine.errors import InputError
from ddag.machine.run_folders import RESULT
from ddag.machine.words import printable
from ddag.runs.result import Result, in_words
from ddag.settings.choices import TITLES


def measured(checkpoint: Path, sha256: str) -> Optional[Result]:
    """The result of the run that a checkpoint lies in, if it is this checkpoint's."""
    try:
        result = Result.read(checkpoint.parent.parent / RESULT)
    except InputError:
        return None
    return result if result.checkpoint["sha256"] == sha256 else None


def card(title: str, facts: Mapping[str, str], result: Optional[Result], settings: Any) -> str:
    """The card in Markdown.

    Args:
        title: name of the weights.
        facts: a table below it.
        result: what the weights came to; None where nobody knows.
        settings: all that the network was trained with, nested plain values.
    """
    lines = [f"# {printable(title)}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {printable(value)} |" for name, value in facts.items()]
    lines += ["", "## Scores", ""]
    if result is None:
        lines.append("Not known: no result of this checkpoint lies in its run folder.")
    else:
        lines += [f"{printable(in_words(result.protocol))}; percent.", ""]
        lines += [f"| features | {' | '.join(TITLES.values())} |", "| --- " * 7 + "|"]
        for feature, scores in result.metrics.items():
            cells = " | ".join(f"{100 * scores[name]:.2f}" for name in TITLES)
            lines.append(f"| {feature} | {cells} |")
        lines += [f"\n⚠ {printable(warning)}" for warning in result.warnings]
    written = yaml.safe_dump(settings, sort_keys=False)
    return "\n".join([*lines, "", "## Settings", "", "```yaml", f"{written}```", ""])
