"""A run folder mirrored in a store: what is there when, and what a failing store does to a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import S3, Line

from ddag.machine.errors import InputError
from ddag.storage import mirror, urls
from ddag.storage.mirror import following

URL = "s3://bucket/mine"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder as it is at its beginning."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mirror, "_LOOK", 0.02)
    folder = tmp_path / "outputs" / "toy" / "TIME"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("[]\n")
    (folder / "run.log").write_text("begun\n")
    (folder / "checkpoints").mkdir()
    return Path("outputs", "toy", "TIME")


def save(run: Path, name: str, content: bytes) -> None:
    """Write a checkpoint as a run does."""
    draft = run / "checkpoints" / f".{name}.1.ckpt"
    draft.write_bytes(content)
    last = run / "checkpoints" / f"{name}.ckpt"
    if name == "last" and last.exists():
        last.replace(last.with_name("previous.ckpt"))
    draft.replace(last)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def mirrored(s3: S3) -> dict[str, bytes]:
    above = "mine/outputs/toy/TIME/"
    return {name[len(above) :]: s3.read(name) for name in s3.names(above)}


def test_a_run_is_mirrored_as_it_grows_and_whole_at_its_end(s3: S3, run: Path) -> None:
    with following(URL, run):
        assert set(mirrored(s3)) == {".hydra/overrides.yaml", "run.log"}
        save(run, "best", b"best of 1")
        save(run, "last", b"last of 1")
        eventually(lambda: mirrored(s3).get("checkpoints/last.ckpt") == b"last of 1")
        assert mirrored(s3)["checkpoints/best.ckpt"] == b"best of 1"
        save(run, "last", b"last of 2")
        eventually(lambda: mirrored(s3).get("checkpoints/last.ckpt") == b"last of 2")
        (run / "result.json").write_text("{}")
        (run / "checkpoints" / ".lock").touch()
    assert mirrored(s3) == {
        ".hydra/overrides.yaml": b"[]\n", "run.log": b"begun\n", "result.json": b"{}",
        "checkpoints/best.ckpt": b"best of 1", "checkpoints/last.ckpt": b"last of 2",
    }  # fmt: skip
    assert not (run / ".mirror").exists()


def test_the_best_checkpoint_there_is_never_older_than_the_last_one_knows(
    s3: S3, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, bytes]] = []
    upload = urls.Store.upload

    def slowly(self: urls.Store, source: Path, name: str) -> None:
        if name.endswith("best.ckpt") and len(sent) < 3:  # an epoch is through meanwhile
            save(run, "best", b"best of 2")
            save(run, "last", b"last of 2")
        sent.append((name, source.read_bytes()))
        upload(self, source, name)

    follower = mirror.Mirror(URL, run)
    save(run, "best", b"best of 1")
    save(run, "last", b"last of 1")
    monkeypatch.setattr(urls.Store, "upload", slowly)
    follower._upload(follower._files())
    checkpoints = [each for each in sent if each[0].startswith("checkpoints/")]
    assert checkpoints[-1] == ("checkpoints/last.ckpt", b"last of 1")
    follower._upload(follower._files())
    assert mirrored(s3)["checkpoints/best.ckpt"] == b"best of 2"
    assert mirrored(s3)["checkpoints/last.ckpt"] == b"last of 2"


@pytest.mark.slow
def test_an_upload_that_fails_is_a_warning_and_made_good_by_the_next_save(
    s3: S3, line: Line, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with following(URL, run):
        line.cut_after = 0
        save(run, "last", b"last of 1")
        eventually(lambda: "uploaded with the next checkpoint" in caplog.text)
        line.cut_after = None
        save(run, "last", b"last of 2")
        eventually(lambda: mirrored(s3).get("checkpoints/last.ckpt") == b"last of 2")
    warnings = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len({each.message for each in warnings}) == len(warnings) == 1


@pytest.mark.slow
def test_results_that_cannot_be_mirrored_at_the_end_are_said_and_stay(
    s3: S3, line: Line, run: Path
) -> None:
    def end() -> None:
        with following(URL, run):
            line.cut_after = 0
            (run / "result.json").write_text("{}")

    with pytest.raises(
        InputError, match=r"output.mirror=s3://bucket/mine.* are whole in"
    ) as caught:
        end()
    assert "\n" not in str(caught.value)
    assert (run / "result.json").read_text() == "{}"
    line.cut_after = None
    with following(URL, run):
        pass
    assert mirrored(s3)["result.json"] == b"{}"


@pytest.mark.slow
def test_what_ends_a_run_is_said_also_where_the_mirror_fails(
    s3: S3, line: Line, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def end() -> None:
        with following(URL, run):
            line.cut_after = 0
            save(run, "last", b"last of 1")
            raise SystemExit(143)

    with pytest.raises(SystemExit, match="143"):
        end()
    assert "the results are whole in" in caplog.text


def test_a_store_that_takes_nothing_is_refused_before_the_run(s3: S3, run: Path) -> None:
    with pytest.raises(InputError, match="no such bucket"), following("s3://none/mine", run):
        raise AssertionError


def test_another_runs_checkpoints_are_not_written_over(s3: S3, run: Path) -> None:
    s3.put("mine/outputs/toy/TIME/checkpoints/last.ckpt")
    with (
        pytest.raises(InputError, match=r"resume it by train.resume=s3://bucket/mine/outputs/toy"),
        following(URL, run),
    ):
        raise AssertionError


@pytest.mark.slow
def test_a_run_that_goes_on_uploads_only_what_is_not_there(
    s3: S3, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(run, "best", os.urandom(1000))
    with following(URL, run):
        save(run, "last", b"last of 1")
    sent: list[str] = []
    upload = urls.Store.upload
    monkeypatch.setattr(
        urls.Store, "upload", lambda self, *what: (sent.append(what[1]), upload(self, *what))
    )
    with following(URL, run):
        (run / "metrics.jsonl").write_text("{}\n")
    assert sent == ["metrics.jsonl"]


def test_without_hard_links_files_are_copied(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")

    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(mirror.os, "link", refuse)
    with following(f"file://{tmp_path}/there", run):
        save(run, "last", b"last of 1")
    there = tmp_path / "there" / "outputs" / "toy" / "TIME"
    assert (there / "checkpoints" / "last.ckpt").read_bytes() == b"last of 1"
    assert (there / "run.log").read_text() == "begun\n"


def test_a_link_in_a_run_folder_is_not_followed(tmp_path: Path, run: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "secret").write_text("secret")
    (run / "linked.txt").symlink_to(tmp_path / "secret")
    with following(f"file://{tmp_path}/there", run):
        pass
    assert not list((tmp_path / "there").rglob("linked.txt"))
