"""The job report as a user types it."""

from __future__ import annotations

import shutil
from pathlib import Path

from typed import type_in

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_shell_without_letters_or_screen_gets_question_marks_and_files_in_utf_8(
    fabricate, tmp_path: Path
) -> None:
    for seed in (0, 1):
        fabricate(f"runs/{seed}", {"seed": seed, "model.pretrained": "é漢"}, rank1=0.5)
    fabricate("runs/2", {"seed": 2}, error="é漢")
    done = type_in(
        tmp_path, "job=report", "job.folder=runs", environment={**ASCII, "MPLBACKEND": "nope"}
    )
    assert "50.00 ? 0.00" in done.stdout
    assert done.stderr == ""
    assert "±" in (tmp_path / "runs" / "leaderboard.md").read_text(encoding="utf-8")
    assert "é漢" in (tmp_path / "runs" / "report.html").read_text(encoding="utf-8")


def test_an_image_whose_name_the_shell_lacks_letters_for_is_named_in_the_log(
    tmp_path: Path, tiny_csv: Path
) -> None:
    root = tmp_path / "people"
    shutil.copytree(tiny_csv, root)
    table = root / "table.csv"
    (root / "camera1/0001/1.png").rename(root / "camera1/0001/é.png")
    (root / "camera1/0001/é.png").write_bytes(b"no image")
    table.write_text(table.read_text().replace("camera1/0001/1.png", "camera1/0001/é.png"))
    words = ["job=check", "dataset=csv", "dataset.root=people"]
    done = type_in(tmp_path, *words, code=2, environment=ASCII)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    (run,) = (tmp_path / "outputs" / "toy").iterdir()
    assert "é.png" in (run / "run.log").read_text(encoding="utf-8")


def test_a_folder_where_the_page_goes_is_one_line(fabricate, tmp_path: Path) -> None:
    fabricate("0", {}, rank1=0.5)
    (tmp_path / "report.html").mkdir()
    done = type_in(tmp_path, "job=report", f"job.folder={tmp_path}", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path / 'report.html'}: cannot be written")
