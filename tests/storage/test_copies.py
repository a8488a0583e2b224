"""Data sets in a store: copied whole, resumed, checked, and nothing written elsewhere."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

import pytest
from stores import KEYS, S3, Line

from ddag.machine.errors import InputError
from ddag.storage import copies, urls

URL = "s3://bucket/data"


def copied(url: str = URL) -> Path:
    return copies.cached("dataset.root", url)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(match: str, url: str = URL) -> None:
    with pytest.raises(InputError, match=match) as caught:
        copied(url)
    assert "\n" not in str(caught.value)


def test_a_folder_is_copied_with_its_folders_and_nothing_beside_it(s3: S3) -> None:
    for name in ("data/a.txt", "data/b/c d.txt", "data/ü.txt", "database/not.txt", "data2"):
        s3.put(name, name.encode())
    s3.put("data/", b"")  # as consoles mark a folder
    found = content(copied(f"{URL}/"))
    assert found == {name[5:]: name.encode() for name in s3.names("data/") if name != "data/"}


@pytest.mark.slow
def test_a_second_copy_asks_for_no_file(s3: S3, line: Line) -> None:
    for number in range(20):
        s3.put(f"data/{number}")
    copied()
    before = line.requests
    copied()
    assert line.requests - before <= 2


def test_a_file_that_changed_is_copied_anew_and_one_that_is_gone_is_removed(s3: S3) -> None:
    for name in ("same", "new", "gone"):
        s3.put(f"data/{name}", b"old")
    folder = copied()
    (folder / "own.npy").write_bytes(b"prepared here")
    same = (folder / "same").stat().st_mtime_ns
    s3.put("data/new", b"NEW")
    s3.client.delete_object(Bucket=s3.bucket, Key="data/gone")
    copied()
    assert content(folder) == {"same": b"old", "new": b"NEW", "own.npy": b"prepared here"}
    assert (folder / "same").stat().st_mtime_ns == same


@pytest.mark.slow
def test_a_copy_that_broke_off_keeps_its_whole_files(s3: S3, line: Line, tmp_path: Path) -> None:
    for number in range(20):
        s3.put(f"data/{number}", os.urandom(2000))
    line.cut_after = 8
    refused("does not answer as it should")
    (folder,) = (path for path in (tmp_path / "cache" / "data").iterdir() if path.is_dir())
    kept = content(folder)
    assert 0 < len(kept) < 20
    assert all(s3.read(f"data/{name}") == held for name, held in kept.items())
    line.cut_after, before = None, line.requests
    assert len(content(copied())) == 20
    assert line.requests - before <= 20 - len(kept) + 5
    assert sorted(path.suffix for path in folder.parent.iterdir()) == ["", ".json", ".lock"]


@pytest.mark.slow
def test_a_short_outage_is_outlasted(s3: S3, line: Line) -> None:
    s3.put("data/a")
    line.cut_after = 0
    threading.Timer(0.02, lambda: setattr(line, "cut_after", None)).start()
    urls._PAUSES = (0.2, 0.2)
    assert content(copied()) == {"a": b"some"}


@pytest.mark.slow
def test_a_whole_copy_is_taken_where_the_store_is_down(
    s3: S3, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    s3.put("data/a")
    folder = copied()
    line.close()
    line.cut_after = 0
    assert content(copied()) == content(folder)
    assert "is taken as it is" in caplog.text


@pytest.mark.slow
def test_a_slow_line_takes_longer_and_no_more(s3: S3, line: Line) -> None:
    s3.put("data/a", os.urandom(100_000))
    line.pause = 0.03
    assert content(copied()) == {"a": s3.read("data/a")}


def test_what_goes_wrong_on_the_way_is_found_by_its_checksum(s3: S3, line: Line) -> None:
    s3.put("data/a", b"x" * 100)
    line.garble = lambda piece: piece.replace(b"x" * 50, b"x" * 49 + b"y")
    refused("a does not arrive with the checksum that the store gives")
    assert not list(Path(os.environ["DDAG_CACHE"]).rglob("a"))


def test_a_file_in_parts_is_checked_by_the_parts_checksums(tmp_path: Path) -> None:
    whole = os.urandom(9 << 20)
    (tmp_path / "a").write_bytes(whole)
    parts = urls._digest(whole[: 8 << 20]).digest() + urls._digest(whole[8 << 20 :]).digest()
    etag = f"{urls._digest(parts).hexdigest()}-2"
    assert urls.is_proven(tmp_path / "a", urls.File(len(whole), etag)) is True
    assert urls.is_proven(tmp_path / "a", urls.File(len(whole), "0" * 32 + "-2")) is None
    assert urls.is_proven(tmp_path / "a", urls.File(len(whole), "0" * 32)) is False


def test_a_file_that_changes_while_it_is_copied_is_said_so(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("data/a", b"before")
    listed = copies._listed

    def meanwhile(store: urls.Store, setting: str) -> dict[str, urls.File]:
        found = listed(store, setting)
        s3.put("data/a", b"AFTER.")
        return found

    monkeypatch.setattr(copies, "_listed", meanwhile)
    refused("a changed while it was copied; run this again")
    assert not list(Path(os.environ["DDAG_CACHE"]).rglob("a"))


@pytest.mark.slow
def test_a_file_that_vanishes_while_it_is_copied_is_said_so(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("data/a")
    listed = copies._listed

    def meanwhile(store: urls.Store, setting: str) -> dict[str, urls.File]:
        found = listed(store, setting)
        s3.empty()
        return found

    monkeypatch.setattr(copies, "_listed", meanwhile)
    refused("a changed while it was copied")


@pytest.mark.parametrize("url", ["s3://bucket/none", "s3://nobucket/data", "s3://nobucket"])
def test_no_such_bucket_or_path_is_said_so(s3: S3, url: str) -> None:
    refused("no such (bucket or )?path", url)


@pytest.mark.slow
def test_a_file_is_no_folder(s3: S3) -> None:
    s3.put("data/a")
    refused("is a file; name the folder", f"{URL}/a")


def test_no_credentials_is_said_so(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key)
    refused("there are no credentials for it; set AWS_ACCESS_KEY_ID")


def test_a_server_that_is_not_there_is_said_so(s3: S3, line: Line) -> None:
    line.close()
    refused("the store does not answer as it should")


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "a//b", "/etc/out", "./out", "a\nb", "a\x1b[2Jb", "x" * 300, "a/."],
)
def test_hostile_names_are_refused_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDAG_CACHE", str(tmp_path / "cache"))
    fsspec = pytest.importorskip("fsspec")
    found = {
        "/data/good": {"size": 1, "type": "file"},
        f"/data/{name}": {"size": 1, "type": "file"},
    }
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "find", lambda *_, **__: dict(found))
    refused("which is no name for a file in a folder; remove it there", "memory://data")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock"] == [
        tmp_path / "cache" / "data"
    ]


def test_names_with_a_way_out_are_refused_as_a_server_gives_them(s3: S3) -> None:
    s3.put("data/good")
    s3.put("data/../../out")
    refused("which is no name")


@pytest.mark.slow
def test_a_name_that_is_a_file_and_a_folder_is_refused(s3: S3) -> None:
    s3.put("data/a")
    s3.put("data/a/b")
    refused("'a', which is no name")


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("s3://", "no place in a store"),
        ("s3://key:secret@bucket/data", "holds credentials"),
        ("simplecache::s3://bucket/data", "no place in a store"),
        ("s3://bucket/data::s3://other", "use a plain"),
        ("nosuch://bucket/data", "no such kind of store"),
    ],
)
def test_a_url_that_is_more_or_less_than_a_place_is_refused(url: str, match: str) -> None:
    pytest.importorskip("fsspec")
    refused(match, url)


def test_credentials_in_a_url_are_not_said_again() -> None:
    with pytest.raises(InputError) as caught:
        copied("s3://key:secret@bucket/data")
    assert "secret" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")


@pytest.mark.parametrize("package", ["fsspec", "s3fs"])
def test_a_package_that_is_not_installed_is_refused_with_its_remedy(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    known = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(known._registry, "s3", raising=False)  # which is imported once
    monkeypatch.setitem(sys.modules, package, None)
    refused(r'not installed; run pip install -e "\.\[cloud\]"')


def test_what_a_file_alone_names_is_never_asked_for(s3: S3, line: Line) -> None:
    s3.put("data/a")
    with pytest.raises(InputError, match=r"if you trust it, type dataset\.root=s3://bucket/data"):
        copies.cached("dataset.root", URL, asked=False)
    assert line.requests == 0
    folder, asked = copied(), line.requests
    assert copies.cached("dataset.root", URL, asked=False) == folder
    assert line.requests == asked


def test_a_disk_without_room_is_said_before_anything_is_copied(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("data/a")
    usage = copies.shutil.disk_usage("/")._replace(free=1)
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda _: usage)
    refused("0.0 GB are free; make room, or choose another folder by DDAG_CACHE")


@pytest.mark.slow
def test_two_copies_of_one_folder_wait_for_each_other(s3: S3) -> None:
    for number in range(20):
        s3.put(f"data/{number}", os.urandom(1000))
    found: list[Path] = []
    both = [threading.Thread(target=lambda: found.append(copied())) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert found[0] == found[1]
    assert len(content(found[0])) == 20
