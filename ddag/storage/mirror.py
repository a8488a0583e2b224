"""A run's folder mirrored in a store while the run goes on."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from ddag.machine.bar import clock
from ddag.machine.errors import InputError
from ddag.machine.files import writing
from ddag.machine.run_folders import BEST, CHECKPOINTS, LAST, PREVIOUS, RESULT
from ddag.storage.urls import File, Store, is_proven

log = logging.getLogger(__name__)

SETTING = "output.mirror"
_LOOK = 1.0  # seconds between two looks for a new checkpoint
_HELD = ".mirror"  # in the run folder: files as they are while they are uploaded
_SHOWN = ".hydra"  # of what begins with a dot, all that is mirrored
# Of these the later ones are written after the earlier ones, and so are they uploaded: the last
# checkpoint never knows of a best one that is not there, and a result has all that it is of.
_ORDER = (BEST, LAST, RESULT)

Signature = tuple[int, int, int]


@contextmanager
def following(url: Optional[str], run: Path) -> Iterator[None]:
    """Mirror a run folder: text at once, all of it after each checkpoint and at the end.

    Args:
        url: that the tree of run folders is mirrored below; None mirrors nothing.
        run: the run folder.

    Raises:
        InputError: nothing can be put there, or the results could not be at the end.
    """
    if url is None:
        yield
        return
    mirror = Mirror(url, run)
    mirror.begin()
    try:
        yield
    except KeyboardInterrupt:  # asked to stop a second time
        raise
    except BaseException:  # what it is matters more than the mirror
        try:
            mirror.finish()
        except InputError as error:
            log.error("%s", error)
        raise
    mirror.finish()


class Mirror:
    """The mirror of one run folder.

    Attributes:
        url: of the mirrored folder.
    """

    def __init__(self, url: str, run: Path) -> None:
        """Know both sides.

        Args:
            url: as of ``following``.
            run: the run folder.

        Raises:
            InputError: as ``Store``.
        """
        self._run, self._named = run, f"{SETTING}={url}"
        self.url = f"{url.rstrip('/')}/{place(run)}"
        self._store = Store(SETTING, self.url)
        self._sent: dict[Path, Signature] = {}
        self._there: dict[str, File] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=SETTING, daemon=True)

    def begin(self) -> None:
        """Upload what is no checkpoint, so that what does not work is said now, then watch.

        Raises:
            InputError: nothing can be put there, or another run's checkpoints are there.
        """
        shutil.rmtree(self._run / _HELD, ignore_errors=True)  # of a run that was killed
        self._there = self._store.files()
        fresh = not any((self._run / CHECKPOINTS).glob("*.ckpt"))
        if fresh and any(name.startswith(f"{CHECKPOINTS}/") for name in self._there):
            raise InputError(
                f"{self._named}: {self.url} holds the checkpoints of an earlier run; resume it by"
                f" train.resume={self.url}, or choose another folder"
            )
        self._upload([path for path in self._files() if path.suffix != ".ckpt"])
        log.info("Mirroring to %s", self.url)
        self._thread.start()

    def finish(self) -> None:
        """Upload what is left.

        Raises:
            InputError: it cannot be.
        """
        self._ending.set()
        with clock("uploading the last files"):
            self._thread.join()
            try:
                self._upload(self._files())
            except InputError as error:
                raise InputError(f"{error}; the results are whole in {self._run}") from error
            finally:
                shutil.rmtree(self._run / _HELD, ignore_errors=True)

    def _watch(self) -> None:
        before: list[Optional[Signature]] = []
        while not self._ending.wait(_LOOK):
            now = self._checkpoints()
            if now == before:
                continue
            before = now
            try:
                self._upload(self._files())
            except (InputError, OSError) as error:
                log.warning("%s; uploaded with the next checkpoint", error)

    def _checkpoints(self) -> list[Optional[Signature]]:
        return [_signature(path) for path in sorted((self._run / CHECKPOINTS).glob("*.ckpt"))]

    def _files(self) -> list[Path]:
        """What is mirrored of the run folder, in the order in which it is uploaded.

        Not ``previous.ckpt``, since an upload leaves the old file or the new one whole.
        """
        found = []
        for path in self._run.rglob("*"):
            parts = path.relative_to(self._run).parts
            hidden = any(part.startswith(".") and part != _SHOWN for part in parts)
            if not hidden and path.name != PREVIOUS and path.is_file() and not path.is_symlink():
                found.append(path)
        return sorted(found, key=lambda path: (_rank(path), path))

    def _upload(self, paths: list[Path]) -> None:
        """Upload those of the files that are new or have changed.

        Raises:
            InputError: one cannot be.
        """
        changed = [path for path in paths if _signature(path) not in (None, self._sent.get(path))]
        # Before the best is read, which then is no older.
        held = {path: self._hold(path) for path in changed if path.name == LAST}
        for path in changed:
            signature = held[path] if path in held else self._hold(path)
            if signature is None:
                continue  # removed, or just being replaced: its time comes
            copy, name = self._copy(path), path.relative_to(self._run).as_posix()
            there = self._there.pop(name, None)  # as it was at the beginning
            known = there is not None and there.size == copy.stat().st_size
            if there is None or not known or is_proven(copy, there) is not True:
                self._store.upload(copy, name)
            self._sent[path] = signature
            copy.unlink()

    def _hold(self, path: Path) -> Optional[Signature]:
        """Keep a file as it is now; by what it is known to have changed, None where it is gone."""
        copy = self._copy(path)
        with writing(copy):
            copy.parent.mkdir(exist_ok=True)
            copy.unlink(missing_ok=True)
            return _keep(path, copy)

    def _copy(self, path: Path) -> Path:
        return self._run / _HELD / path.name


def place(run: Path) -> str:
    """Where a run folder is mirrored: as it is seen from the working directory, or by its name."""
    here, path = Path.cwd(), run.absolute()
    return path.relative_to(here).as_posix() if here in path.parents else path.name


def _keep(path: Path, copy: Path) -> Optional[Signature]:
    """Have ``copy`` hold what ``path`` does, and go on doing so; the signature of that."""
    try:
        if path.suffix == ".ckpt":  # which is never written to, only replaced
            with suppress(OSError):  # no such links on this file system
                os.link(path, copy)
                return _known(copy)
        before = _known(path)
        shutil.copyfile(path, copy)
        return before
    except FileNotFoundError:
        return None


def _rank(path: Path) -> int:
    return _ORDER.index(path.name) + 1 if path.name in _ORDER else 0


def _signature(path: Path) -> Optional[Signature]:
    """By what a file is known to have changed; None where it is not there."""
    try:
        return _known(path)
    except FileNotFoundError:
        return None


def _known(path: Path) -> Signature:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns
