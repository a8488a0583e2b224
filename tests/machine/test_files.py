from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ddag.machine.errors import InputError
from ddag.machine.files import claimed, remove_drafts, replacing

CLAIM = """
import sys, time
from pathlib import Path
from ddag.machine.files import claimed
with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_a_replaced_file_is_kept_where_asked_for(tmp_path: Path) -> None:
    last, previous = tmp_path / "last.txt", tmp_path / "previous.txt"
    for text in ("one", "two", "three"):
        with replacing(last, previous) as draft:
            draft.write_text(text)
    assert (last.read_text(), previous.read_text()) == ("three", "two")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "last.txt"
    file.write_text("whole")
    with pytest.raises(UnicodeEncodeError), replacing(file) as draft:
        draft.write_text("half of it, then \ud800", encoding="utf-8")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["whole"]


def test_leftover_drafts_are_removed_and_nothing_else(tmp_path: Path) -> None:
    names = [".last.123.ckpt", ".lock", "last.ckpt", ".hidden"]
    for name in names:
        (tmp_path / name).touch()
    remove_drafts(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(names[1:])


def test_a_folder_is_claimed_once_and_free_again_after_the_block(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(InputError, match="another process"), claimed(tmp_path):
        pass
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    with claimed(tmp_path):
        pass


def test_another_processs_claim_is_refused_at_once_by_name_and_ends_with_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "checkpoints"
    words = [sys.executable, "-c", CLAIM, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(InputError, match="checkpoints: another process"), claimed(folder):
            pass
        other.kill()
    with claimed(folder):
        pass


def test_a_claim_leaves_what_no_one_takes_for_a_checkpoint(tmp_path: Path) -> None:
    with claimed(tmp_path):
        assert not [each for each in tmp_path.glob("*") if not each.name.startswith(".")]
