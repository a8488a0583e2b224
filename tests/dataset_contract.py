"""What every data set keeps: its test inherits this and says how a small one of it is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, Optional

import numpy as np
import pytest
import yaml

from ddag.data.records import Records, TrainSet
from ddag.datasets import DATASETS, open_dataset
from ddag.datasets.dataset import Dataset
from ddag.machine.errors import InputError
from ddag.people.generate import MARKER
from ddag.settings.choices import Broken, Modality
from ddag.settings.data import DataConfig, DatasetConfig, Dials, PeopleConfig

CONF = Path(__file__).parents[1] / "conf" / "dataset"
IMAGES = {".bmp", ".jpg", ".png"}


class DatasetContract:
    """A data set whose images are given.

    Attributes:
        name: of the data set.
        tiny: fixture of the folder of a small one.
        own: its settings beside those that every data set has.
        query: modality of the query, as ``gallery`` of the gallery.
        counts: some of the counts of the small one: identities and images by name.
        refused: by name, what spoils the folder and says by which message it is refused.
    """

    name: ClassVar[str]
    tiny: ClassVar[str]
    own: ClassVar[Mapping[str, Any]]
    query: ClassVar[Modality] = Modality.visible
    gallery: ClassVar[Modality] = Modality.infrared
    counts: ClassVar[Mapping[str, tuple[int, int]]]
    refused: ClassVar[Mapping[str, Callable[[Path], str]]] = {}
    generate: ClassVar[Optional[PeopleConfig]] = None

    @pytest.fixture
    def root(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        """A copy of the small one, which a test may spoil."""
        folder = tmp_path / "copy"
        given = request.getfixturevalue(self.tiny)
        # What other tests may have prepared there is of another size.
        return Path(
            shutil.copytree(
                given, folder, ignore=shutil.ignore_patterns("*.npy", "train_resized_source.json")
            )
        )

    def settings(self, root: Path, **changes: Any) -> DatasetConfig:
        named = {"name": self.name, "root": str(root), "generate": self.generate, **self.own}
        return DATASETS.find(self.name).config(**{**named, **changes})

    def open(self, root: Path, *, broken: Broken = Broken.refuse, **changes: Any) -> Dataset:
        data = DataConfig(height=32, width=16, test_batch=8, workers=1, broken=broken)
        return open_dataset(self.settings(root, **changes), data)

    def train_image(self, root: Path) -> Path:
        """A file that training reads."""
        return Path(self.open(root).list_train().infrared.paths[1])

    def test_its_file_has_each_of_its_settings_and_no_other(self) -> None:
        chosen = yaml.safe_load((CONF / f"{self.name}.yaml").read_text())["dataset"]
        assert chosen["name"] == self.name
        assert set(chosen) == {field.name for field in fields(DATASETS.find(self.name).config)}

    def test_training_identities_count_up_from_0_in_both_modalities(self, root: Path) -> None:
        train = self.open(root).list_train()
        expected = np.arange(train.identity_count)
        assert train.identity_count > 1
        for records, modality in zip((train.visible, train.infrared), Modality):
            assert records.modality is modality
            assert records.identities.dtype == np.int64
            np.testing.assert_array_equal(np.unique(records.identities), expected)
            assert len(records.paths) == len(records.cameras) == len(records)

    def test_training_images_are_loaded_at_the_size_asked_for(self, root: Path) -> None:
        dataset = self.open(root)
        listed = dataset.list_train()
        loaded = dataset.load(listed)
        for before, after in zip(both(listed), both(loaded)):
            assert after.pixels is not None
            assert (after.pixels.dtype, after.pixels.shape) == (np.uint8, (len(before), 32, 16, 3))
            np.testing.assert_array_equal(after.identities, before.identities)
            assert after.paths.tolist() == before.paths.tolist()

    def test_query_and_gallery_hold_one_modality_each(self, root: Path) -> None:
        test = self.open(root).read_test()
        assert (test.query.modality, test.gallery.modality) == (self.query, self.gallery)
        assert len(test.query) > 0
        assert all(Path(path).is_file() for path in (*test.query.paths, *test.gallery.paths))

    def test_each_gallery_holds_some_images_once(self, root: Path) -> None:
        test = self.open(root).read_test()
        assert test.trials
        for rows in test.trials:
            assert 0 < len(np.unique(rows)) == len(rows)
            assert len(test.gallery) > rows.max()
        assert len(set(test.gallery.paths)) == len(test.gallery)

    def test_every_query_has_a_match_that_it_does_not_pass_over(self, root: Path) -> None:
        dataset = self.open(root)
        test, protocol = dataset.read_test(), dataset.protocol
        for rows in test.trials:
            gallery = test.gallery.select(rows)
            excluded = protocol.excluded(test.query, gallery)
            assert (excluded.dtype, excluded.shape) == (bool, (len(test.query), len(gallery)))
            same = test.query.identities[:, None] == gallery.identities
            assert (same & ~excluded).any(axis=1).all()
        assert protocol.cmc_counts in ("images", "identities")

    def test_the_test_holds_no_image_of_the_training(self, root: Path) -> None:
        dataset = self.open(root)
        test = dataset.read_test()
        learnt = {
            str(self.train_image(root)),
            *(p for r in both(dataset.list_train()) for p in r.paths),
        }
        assert not learnt & {*test.query.paths, *test.gallery.paths}

    def test_its_description_is_plain_and_says_what_tells_splits_apart(self, root: Path) -> None:
        dataset = self.open(root)
        said = dataset.describe()
        assert json.loads(json.dumps(said)) == said
        assert said["dataset"] == self.name
        assert set(dataset.split_keys) <= set(said) & {
            field.name for field in fields(dataset.config)
        }

    def test_the_counts_are_those_of_the_files(self, root: Path) -> None:
        counts, paths = self.open(root).count()
        found = {count.what: (count.identities, count.images) for count in counts}
        assert len(found) == len(counts)
        assert {what: found.get(what) for what in self.counts} == self.counts
        written = [str(path) for path in root.rglob("*") if path.suffix in IMAGES]
        assert sorted(paths) == sorted(written)

    def test_a_broken_test_image_is_named_or_left_out(self, root: Path) -> None:
        test = self.open(root).read_test()
        broken = Path(test.query.paths[1])
        broken.write_bytes(b"")
        with pytest.raises(InputError, match=f"{broken.name}: is empty"):
            self.open(root).read_test(decode=True)
        left = self.open(root, broken=Broken.skip).read_test()
        assert left.query.paths.tolist() == np.delete(test.query.paths, 1).tolist()
        assert len(left.gallery) == len(test.gallery)

    def test_a_broken_training_image_is_named_or_left_out(self, root: Path) -> None:
        broken = self.train_image(root)
        expected = self.open(root).list_train()
        for prepared in root.glob("*.npy"):
            prepared.unlink()
        broken.write_bytes(b"")
        strict, lenient = self.open(root), self.open(root, broken=Broken.skip)
        with pytest.raises(InputError, match=f"{broken.name}: is empty"):
            strict.load(strict.list_train())
        left = lenient.load(lenient.list_train())
        assert len(left.infrared) == len(expected.infrared) - 1
        assert len(left.visible) == len(expected.visible)

    def test_a_missing_root_is_refused_in_one_line(self, tmp_path: Path) -> None:
        dataset = self.open(tmp_path / "nowhere")
        for ask in (dataset.list_train, dataset.read_test, dataset.count):
            with pytest.raises(InputError) as caught:
                ask()
            assert str(caught.value).startswith(f"dataset.root={dataset.root}: no such folder; ")
            assert "\n" not in str(caught.value)

    def test_it_is_not_generated_over(self, root: Path) -> None:
        people = PeopleConfig(identities=4, images=1, seed=0)
        for ask in ("generate", "list_train", "read_test", "count"):
            with pytest.raises(InputError, match=r"dataset\.generate: the images of"):
                getattr(self.open(root, generate=people), ask)()

    def test_it_needs_no_preparing(self, root: Path) -> None:
        with pytest.raises(InputError, match=f"job=prepare: {self.name} is read from its images"):
            self.open(root).prepare()

    def test_each_file_that_does_not_fit_is_refused_by_name(self, root: Path) -> None:
        for number, (what, spoil) in enumerate(self.refused.items()):
            spoiled = Path(shutil.copytree(root, root.with_name(f"spoiled{number}")))
            said = spoil(spoiled)
            messages = refusals(self.open(spoiled, generate=None))
            assert any(said in message for message in messages), (what, messages)
            assert not any("\n" in message for message in messages), what


class GeneratedContract(DatasetContract):
    """A data set of people of our own making; its small one is generated with ``generate``."""

    def test_a_missing_root_is_refused_in_one_line(self, root: Path, tmp_path: Path) -> None:
        """It is generated."""
        dataset = self.open(tmp_path / "nowhere")
        dataset.generate()
        assert contents(dataset.root) == contents(root)

    def test_it_is_not_generated_over(self, root: Path, tmp_path: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        self.open(root).generate()
        self.open(root).read_test()
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
        other = PeopleConfig(identities=5, images=1, seed=0)
        with pytest.raises(InputError, match=r"was generated with .*, not identities=5"):
            self.open(root, generate=other).list_train()
        (tmp_path / "mine").mkdir()
        with pytest.raises(InputError, match="was not generated"):
            self.open(tmp_path / "mine").list_train()

    def test_people_that_are_there_are_read_under_the_dials_of_theirs(self, tmp_path: Path) -> None:
        people = replace(self.people, identities=4, images=1, pose=0.75)
        for _ in range(2):
            self.open(tmp_path / "turned", generate=people).read_test()

    def test_people_under_other_dials_are_not_taken_for_these(self, root: Path) -> None:
        for dial in fields(Dials):
            turned = replace(self.people, **{dial.name: 0.75})
            with pytest.raises(InputError, match=f"was generated with {dial.name}="):
                self.open(root, generate=turned).list_train()

    def test_noise_of_labels_is_in_the_training_set_alone(self, root: Path, tmp_path: Path) -> None:
        noisy = replace(self.people, label_noise=0.5)
        datasets = [self.open(root), self.open(tmp_path / "noisy", generate=noisy)]
        tests = [dataset.read_test() for dataset in datasets]
        for held in zip(*((test.query, test.gallery) for test in tests)):
            own, other = (dict(zip(map(content, r.paths), r.identities)) for r in held)
            assert own == other
        trained = [both(dataset.load(dataset.list_train())) for dataset in datasets]
        for held in zip(*trained):
            own, other = (dict(zip(map(bytes, r.pixels), r.identities)) for r in held)
            assert sorted(own.values()) == sorted(other.values())
            assert own.keys() == other.keys()
            wrong = sum(own[image] != other[image] for image in own)
            assert wrong == round(len(own) / 2)

    @property
    def people(self) -> PeopleConfig:
        """Those of the small one."""
        assert self.generate is not None
        return self.generate

    def test_people_generated_before_images_were_called_so_are_accepted(self, root: Path) -> None:
        marker = root / MARKER
        said = marker.read_text().replace('"images"', '"pictures"')
        assert said != marker.read_text()
        marker.write_text(said)
        self.open(root).list_train()
        assert marker.read_text() == said


def both(train: TrainSet) -> tuple[Records, Records]:
    return train.visible, train.infrared


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def refusals(dataset: Dataset) -> list[str]:
    """What each way of reading the data set says of what is wrong with it."""
    messages = []
    for ask in (dataset.list_train, dataset.read_test, dataset.count):
        try:
            ask()
        except InputError as error:
            messages.append(str(error))
    return messages
