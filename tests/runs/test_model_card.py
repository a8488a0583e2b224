from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from finished import finished

from ddag.runs.model_card import card, measured

SHA = "a" * 64


def test_a_card_has_facts_scores_protocol_and_settings() -> None:
    result = finished(0.5, protocol={"dataset": "regdb", "identities": 20, "chance": 0.05})
    text = card("best", {"SHA-256": SHA}, result, {"model": {"part": 3}})
    for words in (SHA, "dataset regdb, 20 identities, chance 5 %", "| feat | 50.00 |", "part: 3"):
        assert words in text
    assert "Not known" in card("best", {}, None, {})


def test_scores_are_only_those_of_the_same_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "best.ckpt"
    assert measured(path, SHA) is None
    result = finished(0.5, protocol={"dataset": "regdb"})
    replace(result, checkpoint={"path": "x", "sha256": SHA}).write(tmp_path)
    assert measured(path, SHA) is not None
    assert measured(path, "b" * 64) is None
