"""A place in a store, by its URL: what lies there, files copied from it and files put there.

fsspec reads the URL, and a package of the store's own talks to it: s3fs to whatever speaks S3. Both
come with the extra [cloud], and are imported where a URL is used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from ddag.machine.errors import InputError
from ddag.machine.words import quoted, shortened

Answer = TypeVar("Answer")

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_S3 = ("s3", "s3a")
_PAUSES = (0.5, 1.0, 2.0)  # seconds between attempts, of which there is one more
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 30}  # seconds; the second between two packets
# Checksums that botocore adds to each request by itself, and that only Amazon's own S3 takes.
_PLAIN = {"request_checksum_calculation": "when_required"}
_MIB = 1 << 20
# The usual sizes of the parts that a file was put there in; the store does not say them.
_PARTS = [each * _MIB for each in (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512)]
_LONGEST = 255  # bytes of a name in most file systems
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_KEYLESS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
            "ProfileNotFound", "NoAuthTokenError", "TokenRetrievalError")  # fmt: skip
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class OutageError(InputError):
    """A store that does not answer, or not in order."""


class File(NamedTuple):
    """A file in a store: its bytes, and the store's ETag, empty where it gives none."""

    size: int
    etag: str


def is_url(text: object) -> bool:
    """Whether a setting names a place in a store rather than a path."""
    return _URL.match(str(text)) is not None


def check(setting: str, url: str) -> None:
    """Refuse a URL that brings more than a place.

    Raises:
        InputError: it is none, holds credentials, or is one of several nested ones.
    """
    place = url.partition("://")[2]
    if not is_url(url) or not place.strip("/"):
        raise InputError(f"{setting}={url}: no place in a store; use s3://BUCKET/PATH")
    if "@" in place.partition("/")[0]:
        raise InputError(
            f"{setting}: holds credentials, which would stand in files of the run; give them by"
            " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if "::" in url or "?" in url or _UNSAFE.search(url):
        raise InputError(f"{setting}={quoted(url)}: use a plain s3://BUCKET/PATH")


class Store:
    """A folder in a store."""

    def __init__(self, setting: str, url: str) -> None:
        """Know the place; nothing is asked of the store yet.

        Args:
            setting: that gave the URL, for messages.
            url: of the folder.

        Raises:
            InputError: it is no such URL, or a package is not installed.
        """
        check(setting, url)
        self.url = url.rstrip("/")
        self._named = f"{setting}={self.url}"
        self._s3 = url.partition("://")[0].lower() in _S3
        self._files, self._root = self._open()

    def files(self) -> dict[str, File]:
        """What lies in the folder and below it, by relative path.

        Raises:
            OutageError: the store does not answer.
            InputError: it does not let us, or a file there has a name that would lead elsewhere.
        """
        found = self._ask(lambda: self._files.find(self._root, detail=True))
        files = {}
        for path, about in found.items():
            name = str(path)[len(self._root) :].removeprefix("/")
            if about.get("type") != "directory" and not (name.endswith("/") and not about["size"]):
                files[name] = _file(about)
        if "" in files and len(files) > 1:
            del files[""]  # a mark that there is a folder, as consoles set it
        if "" in files:
            raise InputError(f"{self._named}: is a file; name the folder that it is in")
        self._refuse_hostile(files)
        return files

    def download(self, name: str, file: File, target: Path) -> None:
        """Copy a file as ``files`` gave it, and see that it is whole.

        Raises:
            OutageError: the store does not answer.
            InputError: the file changed meanwhile, or does not arrive as it is there.
        """
        for _ in range(2):  # once more where bytes went wrong on the way
            self._ask(lambda: self._files.get_file(self._path(name), str(target)), name)
            if is_same(target, file) or self._is_unchecked(target, name, file):
                return
            if self._ask(lambda: self._about(name), name) != file:
                raise self._changed(name)
        raise InputError(
            f"{self._named}: {name} does not arrive with the checksum that the store gives; put it"
            " there anew"
        )

    def upload(self, source: Path, name: str) -> None:
        """Put a file there in place of an earlier one, and see that it is whole there.

        Raises:
            OutageError: the store does not answer, or keeps something else.
            InputError: it does not let us.
        """
        path = self._path(name)
        if not self._s3:  # where there are no folders
            parent = str(PurePosixPath(path).parent)
            self._ask(lambda: self._files.makedirs(parent, exist_ok=True), writing=True)
        self._ask(lambda: self._files.put_file(str(source), path), writing=True)
        about = self._ask(lambda: self._about(name), writing=True)
        if not is_same(source, about) and not self._is_unchecked(source, name, about):
            raise OutageError(f"{self._named}: {name} is not there as it was put there")

    def _open(self) -> tuple[Any, str]:
        try:
            import fsspec

            files, root = fsspec.core.url_to_fs(self.url, **self._options(fsspec.config.conf))
        except ImportError as error:
            raise InputError(
                f"{self._named}: {error.name or 'the package for it'} is not installed; run"
                ' pip install -e ".[cloud]"'
            ) from error
        except ValueError as error:
            raise InputError(
                f"{self._named}: no such kind of store ({shortened(error, 100)}); use s3://"
            ) from error
        if self._s3:
            files.retries = 2  # of each request; we try again ourselves
        return files, str(root).rstrip("/")

    def _options(self, configured: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        if self._s3:
            own = configured.get("s3", {}).get("config_kwargs", {})
            attempts = {"retries": {"total_max_attempts": 1}}
            options["config_kwargs"] = {**_TIMEOUTS, **_PLAIN, **attempts, **own}
        return options

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _about(self, name: str) -> File:
        return _file(self._files.info(self._path(name)))

    def _ask(self, act: Callable[[], Answer], name: str = "", *, writing: bool = False) -> Answer:
        """What the store answers, asked again a few times where it does not.

        Args:
            act: asks.
            name: of a file that was there.
            writing: whether something is put there.
        """
        for pause in (*_PAUSES, None):
            try:
                return act()
            except Exception as error:  # of fsspec, of the store's package, of the network
                refusal = self._refusal(error, name, writing)
                if refusal is not None:
                    raise refusal from error
                if pause is None:
                    reason = shortened(str(error) or type(error).__name__, 200)
                    raise OutageError(
                        f"{self._named}: the store does not answer as it should ({reason}); see"
                        " whether it and the network are up, and try again"
                    ) from error
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _refusal(self, error: Exception, name: str, writing: bool) -> InputError | None:
        """What there is no use in asking again; None for an outage."""
        if isinstance(error, OSError) and error.errno in _FULL:
            return InputError(f"{self._named}: cannot be written ({error.strerror}); make room")
        if isinstance(error, FileNotFoundError):
            if name:
                return self._changed(name)
            return InputError(f"{self._named}: no such bucket or path; name one that is there")
        if {each.__name__ for each in type(error).__mro__} & {*_KEYLESS}:
            return InputError(
                f"{self._named}: there are no credentials for it; set AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY"
            )
        if isinstance(error, PermissionError):
            reason = shortened(error, 200)
            what = "written to" if writing else "read"
            return InputError(
                f"{self._named}: may not be {what} with these credentials ({reason}); see"
                " AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
            )
        return None

    def _changed(self, name: str) -> InputError:
        return InputError(
            f"{self._named}: {name} changed while it was copied; run this again once nobody writes"
            " there"
        )

    def _is_unchecked(self, target: Path, name: str, file: File) -> bool:
        """Whether an ETag is no checksum: S3 gives another where it encrypts with a key of KMS."""
        if not self._s3 or target.stat().st_size != file.size:
            return False
        bucket, _, key = self._path(name).partition("/")
        head = self._ask(lambda: self._files.call_s3("head_object", Bucket=bucket, Key=key), name)
        return str(head.get("ServerSideEncryption", "")).startswith("aws:kms")

    def _refuse_hostile(self, files: dict[str, File]) -> None:
        folders = {str(above) for name in files for above in PurePosixPath(name).parents}
        for name in files:
            if _is_hostile(name) or name in folders:
                raise InputError(
                    f"{self._named}: holds {quoted(name)}, which is no name for a file in a folder;"
                    " remove it there"
                )


def is_same(path: Path, file: File) -> bool:
    """Whether a local file is as the store's; by its size alone where the ETag says nothing."""
    return path.stat().st_size == file.size and is_proven(path, file) is not False


def is_proven(path: Path, file: File) -> bool | None:
    """Whether a local file has the checksum of the store's; None where its ETag is none we know.

    An ETag is the MD5 of a file or, of one that was put there in parts, that of their MD5s.
    """
    whole, dash, count = file.etag.partition("-")
    if not re.fullmatch(r"[0-9a-f]{32}", whole) or not (count.isdigit() if dash else True):
        return None
    if not dash:
        return _md5(path, _MIB)[0] == whole
    sizes = [size for size in _PARTS if -(-file.size // size) == int(count)]
    return True if any(_md5(path, size)[1] == whole for size in sizes) else None


def _is_hostile(name: str) -> bool:
    """Whether a name would lead out of its folder, or is none that a file can have."""
    if _UNSAFE.search(name):
        return True
    parts = name.split("/")
    return bool({"", ".", ".."} & {*parts}) or any(len(os.fsencode(p)) > _LONGEST for p in parts)


def _md5(path: Path, part: int) -> tuple[str, str]:
    """The MD5 of a file, and that of the MD5s of its parts."""
    whole, parts = _digest(), _digest()
    with path.open("rb") as file:
        while content := file.read(part):
            whole.update(content)
            parts.update(_digest(content).digest())
    return whole.hexdigest(), parts.hexdigest()


def _digest(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)


def _file(about: dict[str, Any]) -> File:
    return File(int(about["size"] or 0), str(about.get("ETag", "")).strip('"').lower())
