from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ddag.machine.errors import InputError
from ddag.machine.files import claimed, remove_drafts, replacing, require_writable

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


WRITE = """
import sys, time
from pathlib import Path
from ddag.machine.files import replacing
with replacing(Path(sys.argv[1])) as draft:
    draft.write_text("half")
    Path(draft).with_suffix(".tmp").write_text("as MindSpore does")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_the_next_writer_removes_what_a_killed_one_left_and_no_draft_of_a_living_one(
    tmp_path: Path,
) -> None:
    file, others = tmp_path / "a.b.txt", [".a.1.txt", ".a.b.c.1.txt", ".a.b.x.txt", ".a.b.txt"]
    for name in others:
        (tmp_path / name).touch()
    words = [sys.executable, "-c", WRITE, str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "writing\n"
        with replacing(file) as draft:
            draft.write_text("ours")
        remove_drafts(tmp_path)
        theirs = {f".a.b.{other.pid}.txt", f".a.b.{other.pid}.tmp"}
        assert {each.name for each in tmp_path.iterdir()} == {*others, *theirs, file.name}
        other.kill()
    with replacing(file) as draft:
        draft.write_text("whole")
    assert {each.name for each in tmp_path.iterdir()} == {*others, file.name}
    remove_drafts(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {*others[2:], file.name}


def test_no_draft_is_removed_where_a_folder_leads_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / ".notes.1.txt").touch()
    (tmp_path / "link").symlink_to(folder)
    remove_drafts(tmp_path / "link")
    assert (folder / ".notes.1.txt").is_file()


def test_drafts_of_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as one, replacing(tmp_path / "b.txt") as two:
        one.write_text("1")
        two.write_text("2")
    assert {each.name for each in tmp_path.iterdir()} == {"a.txt", "b.txt"}


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


def test_a_claim_leaves_nothing_once_it_is_over(tmp_path: Path) -> None:
    with claimed(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "place",
    ["/proc/x", "/proc/self", "/dev/null", "/dev/null/x", "/sys/x", "file", "file/x", "loop",
     "x" * 260, "ä" * 150, "ab/" * 1700],
)  # fmt: skip
def test_a_folder_that_cannot_be_written_to_is_refused_by_its_setting(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=r"^hydra\.run\.dir=.*cannot be written to \("):
        require_writable(tmp_path / place, "hydra.run.dir")


def test_a_folder_that_can_be_written_to_is_made_and_left_empty(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b", "hydra.run.dir")
    assert not list((tmp_path / "a" / "b").iterdir())
