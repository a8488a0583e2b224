from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from dataset_contract import DatasetContract

from ddag.data.protocol import exclude_camera, exclude_identity_and_camera, exclude_nothing
from ddag.data.records import TestSet, TrainSet
from ddag.datasets.csv import CmcCounts, Csv, CsvConfig, Exclude
from ddag.machine.errors import InputError
from ddag.settings.choices import Broken, Modality
from ddag.settings.data import DataConfig

HEADER = "path,identity,camera,modality,split\n"
TRAIN = "v/30.png,30,1,visible,train\ni/30.png,30,2,infrared,train\n"
TRAIN += "v/4.png,4,1,visible,train\ni/4.png,4,2,infrared,train\n"
TEST = "i/9.png,9,2,infrared,query\nv/9.png,9,1,visible,gallery\nv/8.png,8,3,visible,gallery\n"
TABLE = HEADER + TRAIN + TEST


def mix_the_query(root: Path) -> str:
    table = root / "table.csv"
    lines = table.read_text().replace(",visible,gallery", ",visible,query", 1).splitlines()
    table.write_text("\n".join(lines))
    first, wrong = (
        next(n for n, line in enumerate(lines, 1) if line.endswith(end))
        for end in (",infrared,query", ",visible,query")
    )
    if wrong < first:
        return f"table.csv:{first}: the query holds visible images from line {wrong}"
    return f"table.csv:{wrong}: the query holds infrared images from line {first}"


def spoil_a_line(root: Path) -> str:
    table = root / "table.csv"
    lines = table.read_text().splitlines()
    lines[16] += ",more"
    table.write_text("\n".join(lines))
    return "table.csv:17: has 6 cells, the first line 5"


class TestCsv(DatasetContract):
    name = "csv"
    tiny = "tiny_csv"
    own: ClassVar = {"table": "table.csv", "exclude": Exclude.none, "cmc_counts": CmcCounts.images}
    query, gallery = Modality.infrared, Modality.visible
    counts: ClassVar = {
        "train, visible": (4, 16),
        "train, infrared": (4, 16),
        "query, infrared": (4, 16),
        "gallery, visible": (4, 16),
    }
    refused: ClassVar = {"a mixed query": mix_the_query, "a malformed line": spoil_a_line}

    def test_its_description_has_its_table_and_rules(self, root: Path) -> None:
        rules = {"exclude": Exclude.camera, "cmc_counts": CmcCounts.identities}
        assert self.open(root, **rules).describe() == {
            "dataset": "csv", "root": str(root), "table": "table.csv", "exclude": "camera",
            "cmc_counts": "identities",
        }  # fmt: skip

    def test_the_rules_are_those_of_the_settings(self, root: Path) -> None:
        for exclude, rule in (
            (Exclude.none, exclude_nothing),
            (Exclude.camera, exclude_camera),
            (Exclude.identity_and_camera, exclude_identity_and_camera),
        ):
            assert self.open(root, exclude=exclude).protocol.excluded is rule
        for counts in CmcCounts:
            assert self.open(root, cmc_counts=counts).protocol.cmc_counts == counts.value


def dataset(root: Path, text: str = TABLE) -> Csv:
    """The data set of a table written so; its images are not there."""
    (root / "table.csv").write_text(text, encoding="utf-8")
    settings = CsvConfig(
        name="csv", root=str(root), table="table.csv", exclude=Exclude.none,
        cmc_counts=CmcCounts.images,
    )  # fmt: skip
    return Csv(settings, DataConfig(32, 16, 8, 1, Broken.refuse))


def read_train(root: Path, text: str = TABLE) -> TrainSet:
    return dataset(root, text).list_train()


def read_test(root: Path, text: str = TABLE) -> TestSet:
    return dataset(root, text).read_test()


def test_training_identities_become_contiguous_by_rising_number(tmp_path: Path) -> None:
    found = read_train(tmp_path)
    assert found.visible.identities.tolist() == [1, 0]
    assert found.infrared.identities.tolist() == [1, 0]
    assert found.visible.paths.tolist() == [str(tmp_path / "v/30.png"), str(tmp_path / "v/4.png")]
    assert found.infrared.cameras.tolist() == [2, 2]


def test_test_identities_and_cameras_stay_as_in_the_table(tmp_path: Path) -> None:
    found = read_test(tmp_path)
    assert found.query.identities.tolist() == [9]
    assert found.gallery.identities.tolist() == [9, 8]
    assert found.gallery.cameras.tolist() == [1, 3]
    (rows,) = found.trials
    np.testing.assert_array_equal(rows, [0, 1])


def test_query_and_gallery_may_be_of_the_same_modality(tmp_path: Path) -> None:
    text = TABLE.replace("i/9.png,9,2,infrared,query", "w/9.png,9,2,visible,query")
    found = read_test(tmp_path, text)
    assert found.query.modality is found.gallery.modality is Modality.visible


def test_an_image_may_be_query_and_gallery(tmp_path: Path) -> None:
    text = HEADER + "v/9.png,9,1,visible,query\nv/9.png,9,1,visible,gallery\n"
    found = read_test(tmp_path, text)
    assert found.query.paths.tolist() == found.gallery.paths.tolist()


def test_a_table_of_the_test_alone_is_tested_on_and_counted(tmp_path: Path) -> None:
    only = dataset(tmp_path, HEADER + TEST)
    assert len(only.read_test().gallery) == 2
    assert [count.what for count in only.count()[0]] == ["query, infrared", "gallery, visible"]
    with pytest.raises(InputError, match=r"table\.csv: names no image with split train"):
        only.list_train()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + TRAIN, "table.csv: names no image with split query"),
        (HEADER, "table.csv: names no image with split query"),
        (TABLE + "i/8.png,8,2,infrared,gallery\n", r"csv:9: the gallery holds visible .* line 7"),
        (TABLE + "v/4b.png,4,1,visible,gallery\n", "csv:9: identity 4 is in the gallery and, in"),
        (TABLE + "i/30b.png,30,1,infrared,query\n", r"csv:9: identity 30 is in the query .* 3, in"),
    ],
)
def test_a_query_or_gallery_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_test(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("v/5.png,5,1,visible,train\n", "csv:9: training identity 5 has visible images and no inf"),
        ("i/5.png,5,1,infrared,train\n", "csv:9: training identity 5 has infrared images and no v"),
    ],
)
def test_a_training_identity_in_one_modality_only_is_named(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_train(tmp_path, TABLE + line)


@pytest.mark.parametrize("read", [read_train, read_test])
def test_training_and_test_share_nobody_whichever_is_read(
    tmp_path: Path, read: Callable[[Path, str], object]
) -> None:
    with pytest.raises(InputError, match="identity 9 is in the query"):
        read(tmp_path, TABLE + "v/9b.png,9,1,visible,train\n")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    opened = dataset(tmp_path)
    (tmp_path / "table.csv").unlink()
    with pytest.raises(InputError, match=r"table.csv: no such file; set dataset.table=NAME"):
        opened.count()


def test_large_numbers_stay_exact(tmp_path: Path) -> None:
    largest = 2**63 - 1
    found = read_test(tmp_path, TABLE.replace(",9,", f",{largest},"))
    assert found.query.identities.tolist() == [largest]
