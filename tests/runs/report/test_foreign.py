"""Run folders that someone else may have written: named as unreadable, or harmless."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ddag.machine.errors import InputError
from ddag.runs.report import files, page, tables
from ddag.runs.report.leaderboard import Leaderboard, compare
from ddag.runs.report.runs import read_runs

DEEP = "[" * 100_000
HUGE = "9" * 5_000


def overwrite(name: str, content: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text(content)


def set_to(**values: Any) -> Callable[[Path], object]:
    """Change values of result.json."""

    def change(run: Path) -> None:
        file = run / "result.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def swap_for(make: Callable[[Path], object], name: str) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return change


def grow(file: Path) -> None:
    with file.open("w") as stream:
        stream.truncate(1 << 30)


SPOIL: dict[str, Callable[[Path], object]] = {
    "a score that is NaN": set_to(score=float("nan")),
    "an infinite score": set_to(score=float("inf")),
    "a negative score": set_to(score=-0.5),
    "a score beyond 1": set_to(score=1e300),
    "a score of five thousand digits": overwrite("result.json", f'{{"score": {HUGE}}}'),
    "a score that is true": set_to(score=True),
    "an epoch beyond 64 bits": set_to(epoch=2**70),
    "an epoch with a fraction": set_to(epoch=1.5),
    "negative seconds": set_to(seconds=-1),
    "metrics without a score": set_to(metrics={"feat": {"rank1": 0.5}}),
    "metrics that are words": set_to(metrics={"feat": "high"}),
    "a monitor that is not there": set_to(monitor="feat/rank3"),
    "a CMC of three ranks": set_to(cmc={"feat": [0.1, 0.2, 0.3]}),
    "a CMC of NaN": set_to(cmc={"feat": [float("nan")] * 20}),
    "a protocol with a list": set_to(protocol={"dataset": ["regdb"]}),
    "a checkpoint that is a number": set_to(checkpoint={"path": 1, "sha256": 2}),
    "a result nested deeply": overwrite("result.json", DEEP),
    "a result that is a folder": swap_for(os.mkdir, "result.json"),
    "a result that is a pipe": swap_for(os.mkfifo, "result.json"),
    "a result that is a link to nothing": swap_for(
        lambda path: path.symlink_to("nowhere"), "result.json"
    ),
    "a result that is a device": swap_for(
        lambda path: path.symlink_to("/dev/zero"), "result.json"
    ),
    "a result of a gigabyte": lambda run: grow(run / "result.json"),
    "a result in UTF-16": lambda run: (run / "result.json").write_text("{}", encoding="utf-16"),
    "an empty configuration": overwrite(".hydra/config.yaml", ""),
    "a configuration without a job": overwrite(".hydra/config.yaml", "seed: 0\n"),
    "a configuration that is a list": overwrite(".hydra/config.yaml", "[1, 2]"),
    "a configuration nested deeply": overwrite(".hydra/config.yaml", DEEP),
    "a configuration with a program": overwrite(
        ".hydra/config.yaml", "job: !!python/object/apply:os.system [touch planted]\n"
    ),
    "a configuration with aliases": overwrite(
        ".hydra/config.yaml",
        "job: {name: train}\na: &a [x, x]\n"
        + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm")),
    ),
    "a configuration with a number beyond 64 bits": overwrite(
        ".hydra/config.yaml", f"job: {{name: train}}\nseed: 0x{HUGE}\n"
    ),
    "a missing configuration": lambda run: (run / ".hydra" / "config.yaml").unlink(),
    "overrides that are a mapping": overwrite(".hydra/overrides.yaml", "seed: 0\n"),
    "overrides that are numbers": overwrite(".hydra/overrides.yaml", "[1, 2]"),
    "overrides that are a folder": swap_for(os.mkdir, ".hydra/overrides.yaml"),
    "choices that are missing": overwrite(".hydra/hydra.yaml", "hydra: {runtime: {}}"),
    "choices that are words": overwrite(".hydra/hydra.yaml", "hydra: {runtime: {choices: all}}"),
    "an error in Latin-1": lambda run: (run / "error.txt").write_bytes(b"\xe4\xff"),
    "an error that is a folder": lambda run: (run / "error.txt").mkdir(),
    "epochs that are a list": overwrite("metrics.jsonl", "[1]\n"),
    "epochs without a number": overwrite("metrics.jsonl", '{"train/loss": 1}\n'),
    "a loss that is a word": overwrite("metrics.jsonl", '{"epoch": 1, "train/loss": "low"}\n'),
    "a loss that is NaN": overwrite("metrics.jsonl", '{"epoch": 1, "train/loss": NaN}\n'),
    "a loss without end": overwrite("metrics.jsonl", '{"epoch": 1, "train/loss": 1e400}\n'),
    "a million epochs": overwrite("metrics.jsonl", '{"epoch":1}\n' * 1_000_000),
    "epochs that are a pipe": swap_for(os.mkfifo, "metrics.jsonl"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOIL)
def test_a_run_that_cannot_be_read_is_named_with_the_reason(
    fabricate, tmp_path: Path, kind: str
) -> None:
    fabricate("0", {"seed": 0}, rank1=0.5)
    spoilt = fabricate("1", {"seed": 1}, rank1=0.5)
    SPOIL[kind](spoilt)
    board = compare(read_runs(tmp_path))
    assert [run.state for run in board.runs] == ["finished", "unreadable"]
    fault = str(board.runs[1].fault)
    assert fault.startswith(f"{spoilt}/"), fault
    assert "\n" not in fault
    assert len(fault) < 600


def test_runs_that_cannot_be_read_are_listed_and_the_others_compared(
    fabricate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricate("0", {"seed": 0}, rank1=0.5)
    SPOIL["a score that is NaN"](fabricate("1", {"seed": 1}, rank1=0.5))
    SPOIL["an error in Latin-1"](fabricate("2", {"seed": 2}))
    board = compare(read_runs(tmp_path))
    files.write(board, tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "3 runs: 1 finished, 0 failed, 0 unfinished, 2 unreadable" in text
    assert "NaN is no number" in text
    files.show(board, tmp_path)
    said = capsys.readouterr().out
    assert f"unreadable  {tmp_path}/1/result.json: is no result of a run" in said
    assert f"unreadable  {tmp_path}/2/error.txt: cannot be read" in said


WORDS = [
    "\ud800 half a letter",
    "[/x] [bold] :cat: markup of rich",
    "a new line\n\\input{/etc/passwd}\rb\u2028c",
    "\x1b[2J\x07 what a terminal obeys",
    "\x00\ufffe no letter of XML",
    "<script>alert(1)</script>&amp; markup of HTML",
    "\\write18{touch planted} %^^M $x$ {~#_} TeX",
    "=HYPERLINK(1) a formula",
    "[1, 2] the option of a row",
]
RULES = ("begin{tabular}", "toprule", "midrule", "bottomrule", "end{tabular}")


@pytest.fixture
def hostile(fabricate, tmp_path: Path) -> Leaderboard:
    """Two runs with such words wherever one may stand, and runs that failed with them."""
    features = ["feat", *(word.replace("/", "") for word in WORDS)]
    history = [{"epoch": 1, "train/loss": 2.0, **{f"eval/{word}/rank1": 0.5 for word in WORDS}}]
    typed = [word.replace("\ud800", "") for word in WORDS]  # which YAML has no way to write
    for number in range(2):
        run = fabricate(str(number), {}, rank1=0.5, features=features, history=history)
        set_to(protocol={**{word: word for word in WORDS}, "trial": number})(run)
        (run / ".hydra" / "overrides.yaml").write_text(json.dumps([f"{key}=1" for key in typed]))
        config = {"job": {"name": "train"}, **{key: f"{key}{number}" for key in typed}}
        (run / ".hydra" / "config.yaml").write_text(json.dumps(config))
    for number, word in enumerate(WORDS, start=2):
        run = fabricate(str(number), {})
        (run / "error.txt").write_text(word, encoding="utf-8", errors="replace")
    return compare(read_runs(tmp_path))


def test_no_word_of_a_run_means_anything_where_it_is_written(
    hostile: Leaderboard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unreadable" not in [run.state for run in hostile.runs]
    files.write(hostile, tmp_path)
    files.show(hostile, tmp_path)
    assert "\x1b" not in capsys.readouterr().out
    for line in filter(None, tables.latex(hostile).splitlines()):
        rule = line.startswith(("% ", *(f"\\{word}" for word in RULES)))
        assert rule or line.endswith(" \\\\")
        assert not line.startswith("[")
        assert "\\write" not in line
        assert "\\input" not in line
    for row in csv.reader(io.StringIO(tables.comma_separated(hostile))):
        assert not [word for word in row if word[:1] in "=+@\t\r" and word]
    assert "<script>alert" not in page.render(hostile, tmp_path)


@pytest.mark.parametrize("word", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_a_cell_that_a_spreadsheet_would_reckon_with_is_a_word(
    fabricate, tmp_path: Path, word: str
) -> None:
    for number, value in enumerate((word, "other")):
        run = fabricate(str(number), {"model.pretrained": "x"}, rank1=0.5)
        config = {"job": {"name": "train"}, "model": {"pretrained": value}}
        (run / ".hydra" / "config.yaml").write_text(json.dumps(config))
    board = compare(read_runs(tmp_path))
    rows = list(csv.DictReader(io.StringIO(tables.comma_separated(board))))
    assert rows[0]["model.pretrained"][0] == "'"


def test_a_number_and_a_missing_value_stay_what_they_are(fabricate, tmp_path: Path) -> None:
    for number, value in enumerate((-1, -2.5e-7)):
        fabricate(str(number), {"optimizer.lr": value}, rank1=0.5)
    board = compare(read_runs(tmp_path))
    rows = list(csv.DictReader(io.StringIO(tables.comma_separated(board))))
    assert [row["optimizer.lr"] for row in rows] == ["-1", "-2.5e-07"]


def test_results_by_other_features_have_no_mean_together(fabricate, tmp_path: Path) -> None:
    fabricate("0", {"seed": 0}, rank1=0.2, features=("feat",))
    fabricate("1", {"seed": 1}, rank1=0.4, features=("feat", "feat_att"))
    (table,) = compare(read_runs(tmp_path)).tables
    assert [(row.main, len(row.results)) for row in table.rows] == [("feat_att", 1), ("feat", 1)]


def test_a_folder_without_end_is_read(fabricate, tmp_path: Path) -> None:
    run = fabricate("0", {}, rank1=0.5)
    place = os.open(run, os.O_RDONLY)
    for _ in range(3_000):  # deeper than a path may be long
        os.mkdir("d" * 9, dir_fd=place)
        place, above = os.open("d" * 9, os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)
    assert [found.state for found in read_runs(tmp_path)] == ["finished"]


@pytest.mark.parametrize("name", ["report.html", "leaderboard.csv"])
def test_a_folder_where_a_report_goes_is_one_line(fabricate, tmp_path: Path, name: str) -> None:
    fabricate("0", {}, rank1=0.5)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"{name}: cannot be written"):
        files.write(compare(read_runs(tmp_path)), tmp_path)
