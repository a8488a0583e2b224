"""Folders of a store as local ones: a data set in the cache, a run to be resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from ddag.machine.bar import bar, clock
from ddag.machine.border import Fields, parse_json, read_text, taking
from ddag.machine.errors import InputError
from ddag.machine.files import require_writable, write_text, writing
from ddag.storage.urls import File, OutageError, Store, check, is_proven

log = logging.getLogger(__name__)

CACHE = "DDAG_CACHE"
_AT_ONCE = 8  # files: each waits for the store more than it computes
_MOST = 1 << 30  # bytes of what says which files a copy holds


def cached(setting: str, url: str, *, asked: bool = True) -> Path:
    """The local folder with the files of a URL, copied where they are not there or have changed.

    Args:
        setting: that gave the URL, for messages.
        url: of a folder.
        asked: whether the user named it; what a file alone names is read where a whole copy is
            there, and no store is asked.

    Raises:
        InputError: the store cannot be read, or the cache cannot be written to.
    """
    check(setting, url)
    folder = _cache_folder(url)
    index = folder.with_name(f"{folder.name}.json")
    if not asked:
        if index.is_file():
            return folder
        raise InputError(
            f"{setting}={url}: is not copied for a file that names it alone; if you trust it, type"
            f" {setting}={url}"
        )
    store = Store(setting, url)
    require_writable(folder.parent, CACHE)
    with _alone(folder):
        try:
            files = _listed(store, setting)
        except OutageError as error:
            if not index.is_file():
                raise
            log.warning("%s; its copy in %s is taken as it is", error, folder)
            return folder
        fetch(store, files, folder, known=_read(index))
        os.sync()  # before it is said that all of them are there
        write_text(index, json.dumps({name: file._asdict() for name, file in files.items()}))
    return folder


def is_cached(url: object) -> bool:
    """Whether a whole copy of a URL's files is there."""
    folder = _cache_folder(str(url))
    return folder.with_name(f"{folder.name}.json").is_file()


def run_folder(setting: str, url: str, parent: Path) -> Path:
    """A run that lies at a URL, as a folder in ``parent`` by the last name of the URL.

    Raises:
        InputError: the store cannot be read, or such a folder is there.
    """
    store = Store(setting, url)
    name = store.url.rpartition("/")[2]
    if name in (".", "..") or "/" not in store.url.partition("://")[2]:
        raise InputError(f"{setting}={url}: ends in no run folder; use s3://BUCKET/.../TAG/TIME")
    folder = parent / name
    if folder.exists():
        raise InputError(
            f"{setting}={url}: {folder} is there; resume that by {setting}={folder}, or move it"
            " away"
        )
    waiting = parent / ".fetching" / folder.name
    require_writable(waiting.parent, setting)
    with _alone(waiting):
        fetch(store, _listed(store, setting), waiting, known={})
        with writing(folder):
            waiting.replace(folder)
    log.info("Copied %s to %s", url, folder)
    shutil.rmtree(waiting.parent, ignore_errors=True)
    return folder


def fetch(store: Store, files: Mapping[str, File], folder: Path, known: Mapping[str, File]) -> None:
    """Have in ``folder`` each of the files, whole, and of those that were ``known`` no other.

    What is there as the store has it stays. A file appears under its name once it is whole.

    Raises:
        InputError: as ``Store.download``, or the disk does not let it be written.
    """
    missing = {
        name: file
        for name, file in files.items()
        if not _is_there(folder / name, file, known.get(name))
    }
    _require_room(folder, sum(file.size for file in missing.values()))
    drafts = folder.with_name(f".{folder.name}.drafts")
    shutil.rmtree(drafts, ignore_errors=True)  # of one that was killed
    with writing(folder):
        for name in known.keys() - files.keys():
            (folder / name).unlink(missing_ok=True)
        drafts.mkdir(parents=True)
        for parent in {(folder / name).parent for name in files}:
            parent.mkdir(parents=True, exist_ok=True)
    try:
        _download(store, missing, folder, drafts)
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _download(store: Store, files: Mapping[str, File], folder: Path, drafts: Path) -> None:
    def take(number: int, name: str) -> None:
        draft = drafts / str(number)
        store.download(name, files[name], draft)
        with writing(folder / name):
            draft.replace(folder / name)

    if files:
        log.info("Copying %d files from %s into %s", len(files), store.url, folder)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        with bar("copying files", len(files)) as advance:
            for done in as_completed([pool.submit(take, *each) for each in enumerate(files)]):
                done.result()
                advance()
    except Exception:
        pool.shutdown(cancel_futures=True)  # those that are being copied end first
        raise
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _is_there(path: Path, file: File, known: File | None) -> bool:
    """Whether a file needs no copying: it is the one copied before, or has the right checksum."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return file == known if known is not None else is_proven(path, file) is True


def _listed(store: Store, setting: str) -> dict[str, File]:
    files = store.files()
    if not files:
        raise InputError(f"{setting}={store.url}: no such path, or nothing in it; name another")
    return files


def _read(index: Path) -> dict[str, File]:
    """What a copy holds, by relative path; nothing where no copy was ever whole."""
    if not index.is_file():
        return {}
    with taking(index, "list of copied files", "remove it"):
        found = Fields(parse_json(read_text(index, _MOST)))
        each = {name: found.fields(name) for name in found.names}
        return {name: File(about.whole("size"), about.word("etag")) for name, about in each.items()}


def _cache_folder(url: str) -> Path:
    named = os.environ.get(CACHE)
    around = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = Path(named) if named else Path(around, "ddag")
    plain = url.rstrip("/")
    word = re.sub(r"[^\w.-]", "_", plain.rpartition("/")[2], flags=re.ASCII).strip(".")[:40]
    return place / "data" / f"{word}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def _require_room(folder: Path, needed: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        raise InputError(
            f"{folder}: {needed / 1e9:.1f} GB are to be copied and {free / 1e9:.1f} GB are free;"
            f" make room, or choose another folder by {CACHE}"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time fill a folder; the others wait."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with clock(f"waiting for another process that fills {folder}"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
