"""What a run says of an epoch, and how lines reach terminals, pipes and shared screens."""

from __future__ import annotations

import io
import logging
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import rich
from rich.console import Console
from rich.table import Table
from typed import parse

from ddag.evaluation.metrics import Scores
from ddag.machine import bar, output, processors, screen
from ddag.machine.words import counted, duration
from ddag.runs.console import EpochLine, announce, show_resume_command

VALUES = {
    "train/loss": 12.3456, "train/loss_id": 6.1, "train/loss_triplet": 1.2, "train/loss_part": 4.9,
    "train/loss_graph": 5.9, "train/graph_weight": 0.109, "train/lr": 0.00035,
    "train/lr_backbone": 0.000035, "train/skipped": 0, "train/images_per_second": 41.2,
}  # fmt: skip
SCORES = {name: Scores(np.linspace(0.2, 1, 20), 0.15, 0.05) for name in ("feat", "feat_att")}
LINE = EpochLine(12, 40, VALUES, SCORES, left=3723.4)


@pytest.fixture
def record() -> logging.LogRecord:
    made = logging.LogRecord("ddag", logging.INFO, "", 0, "%s", (LINE.full,), None)
    setattr(made, screen.SHORT, LINE.short)
    return made


def show(
    monkeypatch: pytest.MonkeyPatch, record: logging.LogRecord, width: int, *, terminal: bool
) -> str:
    file = io.StringIO()
    shown = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    monkeypatch.setattr(rich, "_console", shown)
    screen.Screen().handle(record)
    return file.getvalue()


def test_a_line_is_neither_padded_nor_wrapped_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, record: logging.LogRecord
) -> None:
    assert len(LINE.full) > 80
    assert show(monkeypatch, record, 80, terminal=False) == f"{LINE.full}\n"


def test_a_narrow_terminal_gets_the_short_line_and_a_wide_one_the_full(
    monkeypatch: pytest.MonkeyPatch, record: logging.LogRecord
) -> None:
    assert len(LINE.short) <= 80
    assert show(monkeypatch, record, 80, terminal=True) == f"{LINE.short}\n"
    assert show(monkeypatch, record, 300, terminal=True) == f"{LINE.full}\n"


def test_an_epoch_says_its_losses_skipped_steps_and_scores() -> None:
    assert "skipped" not in LINE.full
    skipping = EpochLine(1, 2, {**VALUES, "train/skipped": 3}, SCORES)
    for word in ("epoch  1/2", "loss 12.346", "triplet 1.200", "3 skipped", "feat_att: Rank-1"):
        assert word in skipping.full
    for word in ("epoch  1/2", "loss 12.346", "3 skipped", "Rank-1 20.0% mAP 15.0%"):
        assert word in skipping.short
    halving = EpochLine(1, 2, {**VALUES, "train/overflow": 2, "train/loss_scale": 512.0})
    assert "2 overflowed" in halving.full
    assert "scale" not in halving.full
    assert LINE.full.endswith("  1:02:03 left")
    assert LINE.short.endswith("  1:02:03 left")
    assert "left" not in skipping.full


@pytest.mark.parametrize(
    ("words", "job", "computes"),
    [
        (["model=agw", "seed=3"], "train agw on synthetic, 8 epochs, seed 3", True),
        (["train.epochs=1"], "train ddag on synthetic, 1 epoch, seed 0", True),
        (["job=evaluate", "checkpoint=a.ckpt"], "evaluate a.ckpt", True),
        (["job=check", "dataset=regdb"], "check regdb", False),
    ],
)
def test_what_runs_on_what_and_into_which_folder_is_said_first(
    words: list[str], job: str, computes: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    announce(parse(*words), tmp_path)
    said = [message.split(maxsplit=1) for message in caplog.messages]
    assert said[0] == ["job", job]
    assert said[-1] == ["folder", str(tmp_path)]
    devices = [what for name, what in said if name == "device"]
    assert len(devices) == computes
    for device in devices:
        assert device.startswith("CPU, ")
        assert counted(processors.count(), "thread") + " of " in device
        assert "MindSpore " in device


def test_a_resume_command_says_anew_what_the_folder_may_not_bring_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anew = ["logger=[csv,mlflow]", "logger.mlflow.uri=http://a", "device.cache=b"]
    show_resume_command(["seed=1", *anew], tmp_path)
    words = shlex.split(capsys.readouterr().out)
    assert words[-4:] == [f"train.resume={tmp_path}", *anew]


def test_a_wait_is_named_also_where_no_clock_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with bar.clock("compiling"):
        assert caplog.messages == ["compiling"]


def test_a_clock_is_seen_on_a_terminal_and_leaves_nothing_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = io.StringIO()
    monkeypatch.setattr(rich, "_console", Console(file=file, width=80, force_terminal=True))
    with bar.clock("compiling"):
        pass
    assert "compiling" in file.getvalue()
    assert "0:00:00" in file.getvalue()
    assert file.getvalue().endswith("\x1b[2K")


def test_a_duration_is_hours_minutes_and_seconds() -> None:
    assert [duration(each) for each in (0.4, 3599.6, 100 * 3600)] == [
        "0:00:00", "1:00:00", "100:00:00",
    ]  # fmt: skip


def test_a_title_longer_than_its_table_stays_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(rich, "_console", Console(file=file, width=80))
    table = Table("a")
    table.add_row("1")
    screen.show_table("x " * 100 + "[b]", table)
    assert file.getvalue().splitlines()[0] == "x " * 100 + "[b]"


def test_jobs_side_by_side_begin_each_line_with_their_label() -> None:
    stream = io.StringIO()
    before, sys.stdout = sys.stdout, stream
    try:
        with output.labelled("[3] "):
            assert not sys.stdout.isatty()
            print("one\ntwo", end="")
            assert stream.getvalue() == "[3] one\n"  # never a part of a line
        assert sys.stdout is stream
    finally:
        sys.stdout = before
    assert stream.getvalue() == "[3] one\n[3] two\n"
