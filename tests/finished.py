"""What tests share of results: one as a run leaves it, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ddag.runs.result import Result
from ddag.settings.choices import TITLES


def finished(
    rank1: float, *, features: Sequence[str] = ("feat",), protocol: Mapping[str, Any]
) -> Result:
    """A result whose every score is the same."""
    return Result(
        score=rank1,
        monitor=f"{features[-1]}/rank1",
        metrics={feature: dict.fromkeys(TITLES, rank1) for feature in features},
        std={feature: dict.fromkeys(TITLES, 0.0) for feature in features},
        cmc={feature: [min(1, rank1 + rank / 20) for rank in range(20)] for feature in features},
        protocol=dict(protocol),
        epoch=2,
        step=8,
        checkpoint={"path": "checkpoints/best.ckpt", "sha256": "0" * 64},
        seconds=9.5,
    )
