from __future__ import annotations

from pathlib import Path

import pytest

from ddag.machine import run_folders
from ddag.machine.errors import InputError
from ddag.machine.files import claimed, remove_drafts, replacing


def begin(runs: Path, name: str, *files: str) -> Path:
    for file in files:
        (runs / name / file).parent.mkdir(parents=True, exist_ok=True)
        (runs / name / file).touch()
    return runs / name


def test_auto_goes_on_with_the_newest_unfinished_run(tmp_path: Path) -> None:
    begin(tmp_path, "1", "checkpoints/last.ckpt")
    newest = begin(tmp_path, "2", "checkpoints/previous.ckpt")
    begin(tmp_path, "3", "checkpoints/last.ckpt", "result.json")
    begin(tmp_path, "4", "metrics.jsonl")
    assert run_folders.choose("auto", str(tmp_path), "5") == str(newest)


def test_auto_begins_anew_where_nothing_is_unfinished(tmp_path: Path) -> None:
    begin(tmp_path, "1", "checkpoints/last.ckpt", "result.json")
    assert run_folders.choose("auto", str(tmp_path), "5") == str(tmp_path / "5")


def test_a_run_folder_is_gone_on_with_in_place_and_a_checkpoint_in_a_new_one(
    tmp_path: Path,
) -> None:
    run = begin(tmp_path, "1", "checkpoints/last.ckpt")
    assert run_folders.choose(str(run), str(tmp_path), "5") == str(run)
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    for resume in (None, checkpoint, "nowhere", 7):
        assert run_folders.choose(resume, str(tmp_path), "5") == str(tmp_path / "5")


def test_a_replaced_file_is_kept_where_asked_for(tmp_path: Path) -> None:
    last, previous = tmp_path / "last.txt", tmp_path / "previous.txt"
    for text in ("one", "two", "three"):
        with replacing(last, previous) as draft:
            draft.write_text(text)
    assert (last.read_text(), previous.read_text()) == ("three", "two")
    assert len(list(tmp_path.iterdir())) == 2


def test_leftover_drafts_are_removed_and_nothing_else(tmp_path: Path) -> None:
    names = [".last.123.ckpt", ".lock", "last.ckpt", ".hidden"]
    for name in names:
        (tmp_path / name).touch()
    remove_drafts(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(names[1:])


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(InputError, match="another process"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass
