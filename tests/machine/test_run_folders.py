from __future__ import annotations

from pathlib import Path

from ddag.machine import run_folders


def begin(runs: Path, name: str, *files: str) -> Path:
    for file in files:
        (runs / name / file).parent.mkdir(parents=True, exist_ok=True)
        (runs / name / file).touch()
    return runs / name


def test_auto_resumes_the_newest_unfinished_run(tmp_path: Path) -> None:
    begin(tmp_path, "1", "checkpoints/last.ckpt")
    newest = begin(tmp_path, "2", "checkpoints/previous.ckpt")
    begin(tmp_path, "3", "checkpoints/last.ckpt", "result.json")
    begin(tmp_path, "4", "metrics.jsonl")
    assert run_folders.choose("auto", str(tmp_path), "5") == str(newest)


def test_auto_begins_anew_where_nothing_is_unfinished(tmp_path: Path) -> None:
    begin(tmp_path, "1", "checkpoints/last.ckpt", "result.json")
    assert run_folders.choose("auto", str(tmp_path), "5") == str(tmp_path / "5")


def test_a_run_folder_is_resumed_in_place_and_a_checkpoint_in_a_new_one(
    tmp_path: Path,
) -> None:
    run = begin(tmp_path, "1", "checkpoints/last.ckpt")
    assert run_folders.choose(str(run), str(tmp_path), "5") == str(run)
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    for resume in (None, checkpoint, "nowhere", 7):
        assert run_folders.choose(resume, str(tmp_path), "5") == str(tmp_path / "5")
