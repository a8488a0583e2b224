"""The index of a gallery on disk: brought up to what its folder holds, whole at any moment.

Its place is a folder. ``index_N`` in it, the one of the highest number, is a table of the whole
gallery. Another is written under another name and renamed to the next number, which replaces it.
``part_N`` are tables of images that were extracted since: a killed extraction goes on from them. An
index that has lists keeps them when it is replaced.
"""

# N images, C channels.

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Optional

import numpy as np

from ddag.data import images as image_files
from ddag.data.image_folder import Entry
from ddag.gallery import clustering, table
from ddag.gallery.approximate import ListedIndex
from ddag.gallery.index import Index
from ddag.gallery.lists import Lists
from ddag.gallery.table import Table
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.machine.files import claimed, remove, remove_drafts, writing

log = logging.getLogger(__name__)

PART = 1024  # images that are extracted before their features are on disk
_INDEX, _PART = "index", "part"

# Gives the ``(n, C)`` features of images by their paths, and says how many are done.
Extract = Callable[[list[str], Callable[[int], None]], np.ndarray]


class Listing(Enum):
    """What is asked of an index's lists, beside that it keeps those that it has."""

    kept = "kept"  # nothing
    made = "made"  # that there are some afterwards
    searched = "searched"  # that there are some: the index searches by them


@dataclass(frozen=True)
class Keeper:
    """How the index of a gallery is kept.

    Attributes:
        place: its folder.
        key: everything but the images that features depend on; what lies there under another key
            counts for nothing.
        channels: C.
        dtype: of the features on disk; None: as they are, and float32 where there are none. If it
            asks for more digits than some have, those count for nothing.
        required: whether it is an error that nothing can be kept at ``place``; else the index
            is made for this once.
        listing: what is asked of its lists.
    """

    place: Path
    key: str
    channels: int
    dtype: Optional[np.dtype] = None
    required: bool = False
    listing: Listing = Listing.kept

    def update(self, root: Path, held: Sequence[Entry], extract: Extract) -> Index:
        """The index of a gallery as its folder is now, in the order of ``held``.

        Only images that are not known as they are now are extracted; those that cannot be read
        are named and left.

        Args:
            root: the folder.
            held: its images.
            extract: gives their features.

        Raises:
            InputError: no image can be read, features are not finite, the disk does not let them
                be written, another process is at work at ``place``, or lists are asked for that
                there can't be.
        """
        tables = self._read()
        self._refuse_lists(root, len(held), tables)
        known = set[Entry]().union(*(each.entries for each in tables))
        new = [each for each in held if each not in known]
        left = _unreadable(root, new)
        wanted = [each for each in held if each not in left]
        fresh = len(new) - len(left)
        log.info("%d of the %d images in %s to be extracted", fresh, len(held), root)
        if not wanted:
            raise InputError(
                f"job.gallery={root}: none of its {len(held)} images can be read (named above);"
                " restore them"
            )
        if not self._is_whole(tables, wanted):
            with self._workplace() as place, claimed(place):
                return self._opened(self._renew(place, root, wanted, extract))
        self._tidy()
        return self._opened(tables[0])

    def _refuse_lists(self, root: Path, images: int, tables: Sequence[Table]) -> None:
        """Refuse to search by lists that are not there, and to make some that do not pay."""
        if _lists_of(tables):
            return
        if self.listing is Listing.searched:
            raise InputError(
                f"job.approximate=true: the index of {root} has no lists;"
                " job=index ... job.lists=true makes them"
            )
        if self.listing is Listing.made and images < clustering.LEAST:
            raise InputError(
                f"job.lists=true: {root} has {images:,} images, and lists pay from"
                f" {clustering.LEAST:,} on; leave it out"
            )

    def _opened(self, held: Table) -> Index:
        names, features = [each.name for each in held.entries], held.features()
        if self.listing is Listing.searched and held.lists:
            return ListedIndex(names, features, held.lists)
        return Index(names, features)

    def _is_whole(self, tables: Sequence[Table], wanted: Sequence[Entry]) -> bool:
        """Whether the index, which is the first table, is of just these images."""
        return (
            bool(tables)
            and tables[0].folder.name.startswith(_INDEX)
            and tables[0].entries == wanted
            and self.dtype in (None, tables[0].dtype)
            and not (self.listing is Listing.made and _is_due(tables[0]))
        )

    def _read(self) -> list[Table]:
        """What lies there and counts: the index, then the parts."""
        found = []
        for folder in [*_numbered(self.place, _INDEX)[-1:], *_numbered(self.place, _PART)]:
            try:
                read = table.read(folder, self.key, self.channels)
            except InputError as error:
                if not folder.exists():  # replaced meanwhile
                    return self._read()
                log.warning("The index is damaged: %s", error)
                continue
            if read and (self.dtype is None or read.dtype.itemsize >= self.dtype.itemsize):
                found.append(read)
        return found

    def _tidy(self) -> None:
        """Remove what is left of a process that was killed once it had replaced the index."""
        if len(_all(self.place)) > 1:
            with suppress(InputError, OSError), claimed(self.place):  # as far as it is allowed
                newest = _numbered(self.place, _INDEX)[-1]
                for each in set(_all(self.place)) - {newest}:
                    remove(each)

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        """Where tables are written: at ``place``, or, if that is not possible, for this once."""
        try:
            _require_writable(self.place)
        except InputError as error:
            if self.required:
                raise
            log.warning("%s: the next search extracts anew", error)
        else:
            for each in (self.place.parent, *self.place.parent.iterdir()):
                remove_drafts(each)
            yield self.place
            return
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)

    def _renew(self, place: Path, root: Path, wanted: Sequence[Entry], extract: Extract) -> Table:
        """Extract what is not known, write the index and remove what it replaces."""
        tables = self._read()  # another process may have been at it until now
        if self._is_whole(tables, wanted):
            return tables[0]
        before = _all(place)
        dtype = self.dtype or (tables[0].dtype if tables else np.dtype(np.float32))
        known = set[Entry]().union(*(each.entries for each in tables))
        new = [each for each in wanted if each not in known]
        parts = list(self._extract(place, root, new, extract, dtype))
        every = [*tables, *parts]
        places = table.places(every, wanted)
        blocks = table.merged(every, places, self.channels, dtype)
        lists, target = _lists_of(tables), _next(place, _INDEX)
        listed = lists or self.listing is Listing.made
        written = table.write(
            target,
            self.key,
            wanted,
            blocks,
            channels=self.channels,
            dtype=dtype,
            arrange=partial(clustering.arrange, before=lists, places=places) if listed else None,
        )
        for each in (*before, *(part.folder for part in parts)):
            remove(each)
        log.info("%d images in the index %s", len(wanted), target)
        return written

    def _extract(
        self,
        place: Path,
        root: Path,
        new: Sequence[Entry],
        extract: Extract,
        dtype: np.dtype,
    ) -> Iterator[Table]:
        """Tables of new images, each written once its images are extracted."""
        with bar("extracting", len(new)) as advance:
            for start in range(0, len(new), PART):
                entries = new[start : start + PART]
                values = extract([str(root / each.name) for each in entries], advance)
                if not np.isfinite(values).all():
                    raise InputError(
                        f"job.gallery={root}: the network's features of its images are not finite;"
                        " use another checkpoint"
                    )
                yield table.write(
                    _next(place, _PART),
                    self.key,
                    entries,
                    [values],
                    channels=self.channels,
                    dtype=dtype,
                )


def _unreadable(root: Path, entries: Sequence[Entry]) -> set[Entry]:
    """Those that cannot be decoded, which are named."""
    paths = {str(root / each.name): each for each in entries}
    with bar("reading images", len(paths)) as advance:
        broken = dict(image_files.unreadable(list(paths), advance=advance))
    for path, reason in broken.items():
        log.warning("Passed over: %s: %s", path, reason)
    return {paths[path] for path in broken}


def _lists_of(tables: Sequence[Table]) -> Optional[Lists]:
    """Those of the index, which is the first table, if there is one."""
    return tables[0].lists if tables else None


def _is_due(held: Table) -> bool:
    """Whether lists are to be made, or made anew."""
    return held.lists is None or clustering.is_outgrown(held.lists, len(held.entries))


def _require_writable(place: Path) -> None:
    """Make a folder, unless it is there.

    Raises:
        InputError: nothing can be written there, or it leads elsewhere, to where nothing is.
    """
    for each in (place.parent, place):  # in a run folder of someone else's
        if each.is_symlink():
            raise InputError(f"{each}: leads elsewhere, where nothing is written")
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass


def _all(place: Path) -> list[Path]:
    return [*_numbered(place, _INDEX), *_numbered(place, _PART)]


def _numbered(place: Path, what: str) -> list[Path]:
    """What lies at ``place`` under such a name, by number."""
    found = {}
    with suppress(OSError):
        for each in place.iterdir():
            if number := re.fullmatch(rf"{what}_(\d{{1,18}})", each.name, re.ASCII):
                found[int(number[1]), each.name] = each
    return [found[key] for key in sorted(found)]


def _next(place: Path, what: str) -> Path:
    """The name after all those."""
    last = _numbered(place, what)[-1:]
    return place / f"{what}_{int(last[0].name.rpartition('_')[2]) + 1 if last else 1:06}"
