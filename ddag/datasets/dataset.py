"""What every data set is: opened by its settings, listed, loaded, counted and ranked by its rules.

A data set of one's own is a class that names its ``config`` and ``protocol`` and lists its images;
all else has a default.
"""

from __future__ import annotations

import logging
import shlex
from abc import ABC, abstractmethod
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Optional, TypeVar

import numpy as np

from ddag.data import images as image_files
from ddag.data.protocol import Protocol
from ddag.data.records import Records, TestSet, TrainSet
from ddag.machine.bar import bar
from ddag.machine.errors import InputError
from ddag.people import generate as people
from ddag.people.layout import Layout
from ddag.settings.choices import Broken
from ddag.settings.data import DataConfig, DatasetConfig
from ddag.storage import urls

Config = TypeVar("Config", bound=DatasetConfig)

log = logging.getLogger(__name__)


class Count(NamedTuple):
    """How many of something a data set has, beside how many its authors published."""

    what: str
    identities: int
    images: int
    published_identities: Optional[int] = None
    published_images: Optional[int] = None

    @classmethod
    def of(
        cls,
        what: str,
        records: Records,
        *,
        published_identities: Optional[int] = None,
        published_images: Optional[int] = None,
    ) -> Count:
        """How many identities and images the records have."""
        identities = len(np.unique(records.identities))
        return cls(what, identities, len(records), published_identities, published_images)


class Dataset(ABC, Generic[Config]):
    """A data set, opened: nothing is read before it is asked for.

    Attributes:
        config: class of its settings, with their types and limits.
        split_keys: settings that tell one split from another; runs that differ in these alone
            repeat one experiment.
        layout: of the people that ``dataset.generate`` makes; None where the images are given.
        settings: where the images are, and which of them.
        data: how images are read.
    """

    config: type[Config]
    split_keys: ClassVar[tuple[str, ...]] = ()
    layout: ClassVar[Optional[Layout]] = None

    def __init__(self, settings: Config, data: DataConfig, *, asked: bool = True) -> None:
        """Keep the settings.

        Args:
            settings: of the class ``config``.
            data: how images are read.
            asked: whether the user named this data set; one that a checkpoint names is only read,
                never generated or prepared.
        """
        self.settings, self.data = settings, data
        self._asked = asked

    @cached_property
    def root(self) -> Path:
        """The folder of the data set, copied from its store where the settings name one there.

        Raises:
            InputError: it cannot be copied.
        """
        if not urls.is_url(self.settings.root):
            return Path(self.settings.root)
        from ddag.storage import copies

        return copies.cached("dataset.root", self.settings.root, asked=self._asked)

    @property
    @abstractmethod
    def protocol(self) -> Protocol:
        """The rules by which it is ranked."""

    @abstractmethod
    def _list_train(self) -> TrainSet:
        """The training set, its pixels on disk; identities 0, 1, ... in both modalities."""

    @abstractmethod
    def _list_test(self) -> TestSet:
        """Query and galleries, their pixels on disk."""

    def list_train(self) -> TrainSet:
        """The training set, generated or prepared where it must be; its pixels may be on disk.

        Raises:
            InputError: the data set is missing or broken.
        """
        self.generate()
        return self._list_train()

    def load(self, listed: TrainSet) -> TrainSet:
        """The listed training set with its pixels: in memory, or mapped from disk as they are.

        Raises:
            InputError: an image cannot be read.
        """
        if listed.visible.pixels is not None:
            return listed
        loaded = []
        with bar("reading images", len(listed.visible) + len(listed.infrared)) as advance:
            for records in (listed.visible, listed.infrared):
                loaded.append(
                    image_files.load(
                        records,
                        height=self.data.height,
                        width=self.data.width,
                        skip_broken=self._skip_broken,
                        advance=advance,
                    )
                )
        return TrainSet(*loaded)

    def read_test(self, *, decode: bool = False) -> TestSet:
        """Query and galleries; images stay on disk.

        Args:
            decode: decode each image once, so that a broken one is found now and not when used.

        Raises:
            InputError: the data set is missing or broken.
        """
        self.generate()
        test_set = self._list_test()
        return self._decodable(test_set) if decode or self._skip_broken else test_set

    def describe(self) -> dict[str, Any]:
        """What a score must be read with: data set, query and gallery, as plain values."""
        return {"dataset": self.settings.name}

    def count(self) -> tuple[list[Count], list[str]]:
        """How much there is of each part, and the path of every image.

        Raises:
            InputError: the data set is missing or broken.
        """
        self.generate()
        return self._count()

    def prepare(self) -> None:
        """Write what training reads in place of the images, for a data set that has such a thing.

        Raises:
            InputError: it has none, or the images cannot be read.
        """
        raise InputError(
            f"job=prepare: {self.settings.name} is read from its images and needs none;"
            " train with it as it is"
        )

    def generate(self) -> None:
        """Write the people of a generated data set, unless they are there.

        Raises:
            InputError: there are other files, or they cannot be written; or it is a data set
                whose images are given.
        """
        chosen = self.settings.generate
        if chosen is None:
            return
        if self.layout is None:
            raise InputError(
                f"dataset.generate: the images of {self.settings.name} are given, not generated;"
                " use dataset.generate=null"
            )
        named: dict[str, Any] = {
            "layout": self.layout,
            "identities": chosen.identities,
            "images": chosen.images,
            "seed": chosen.seed,
        }
        if self.root.exists():  # these people, or it is refused
            people.generate(self.root, **named, dials=chosen)
            return
        self._refuse_unasked("no such folder", "check")
        log.info("Generating people into %s", self.root)
        with bar("generating people", people.image_count(**named)) as advance:
            people.generate(self.root, **named, dials=chosen, advance=advance)

    def _refuse_unasked(self, what: str, job: str) -> None:
        """Refuse to write what is missing where a checkpoint alone named the data set.

        Args:
            what: is missing.
            job: writes it, where the user says so.
        """
        if self._asked:
            return
        chosen = self.settings
        words = [f"job={job}", f"dataset={chosen.name}", f"dataset.root={chosen.root}"]
        if chosen.generate is not None:
            people = asdict(chosen.generate).items()
            words += [f"dataset.generate.{key}={value}" for key, value in people]
        raise InputError(
            f"dataset.root={chosen.root}: {what}, and a checkpoint alone has nothing written; name"
            f" another by dataset.root=PATH, or have it written by {shlex.join(words)}"
        )

    @property
    def _skip_broken(self) -> bool:
        return self.data.broken is Broken.skip

    def _count(self) -> tuple[list[Count], list[str]]:
        train, test = self._list_train(), self._list_test()
        parts = [
            ("train", train.visible),
            ("train", train.infrared),
            ("query", test.query),
            ("gallery", test.gallery),
        ]
        counts = [Count.of(f"{part}, {held.modality.value}", held) for part, held in parts]
        return counts, sorted({path for _, held in parts for path in held.paths.tolist()})

    def _decodable(self, test_set: TestSet) -> TestSet:
        with bar("checking images", len(test_set.query) + len(test_set.gallery)) as advance:
            query, gallery = (
                image_files.readable(records, skip_broken=self._skip_broken, advance=advance)
                for records in (test_set.query, test_set.gallery)
            )
        return test_set.select(query, gallery)
