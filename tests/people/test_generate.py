from __future__ import annotations

import json
import os
import re
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddag.machine.errors import InputError
from ddag.people import generate as synthetic
from ddag.people.cameras import infrared_image, take_image, visible_image
from ddag.people.person import Part, Pose, Print, random_person, random_pose
from ddag.people.silhouette import part_map
from ddag.settings.choices import Modality

SIZE = (64, 128)
POSE = Pose(yaw=0.2, phase=1.0, scale=1.0, right=0.0, down=0.0)
SMALL = {"layout": "regdb", "identities": 5, "images": 2, "seed": 3}
SYSU = {"layout": "sysu", "identities": 20, "images": 1, "seed": 3}


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def rng(number: int = 0) -> np.random.Generator:
    return np.random.default_rng([7, number])


@pytest.fixture(scope="module")
def regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("regdb") / "people"
    synthetic.generate(root, **SMALL)
    return root


@pytest.fixture(scope="module")
def sysu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sysu") / "people"
    synthetic.generate(root, **SYSU)
    return root


# What is on disk


@pytest.mark.parametrize("settings", [SMALL, {**SYSU, "identities": 5}])
def test_the_same_seed_gives_the_same_bytes(settings: dict, tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "a", **settings)
    synthetic.generate(tmp_path / "b", **settings)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_seed_gives_other_images_and_splits(regdb: Path, tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "b", **{**SMALL, "seed": 4})
    mine, other = contents(regdb), contents(tmp_path / "b")
    assert mine.keys() == other.keys()
    assert not [name for name in mine if name.endswith(".bmp") and mine[name] == other[name]]
    assert any(mine[name] != other[name] for name in mine if name.startswith("idx/"))


def test_a_image_does_not_depend_on_how_many_others_there_are(regdb: Path, tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "b", **{**SMALL, "identities": 6, "images": 1})
    for name in ("Visible/5/v_00001.bmp", "Thermal/5/t_00001.bmp"):
        assert (regdb / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("settings", [SMALL, {**SYSU, "identities": 5}])
def test_every_image_advances_the_progress_once(settings: dict, tmp_path: Path) -> None:
    calls: list[None] = []
    synthetic.generate(tmp_path / "a", **settings, advance=lambda: calls.append(None))
    written = [p for p in (tmp_path / "a").rglob("*") if p.suffix in (".bmp", ".jpg")]
    assert len(calls) == len(written) == synthetic.image_count(**settings)


def test_regdb_has_the_true_folders_and_images(regdb: Path) -> None:
    assert {p.name for p in regdb.iterdir()} == {"Visible", "Thermal", "idx", "generated.json"}
    for modality in ("Visible", "Thermal"):
        assert sorted(p.name for p in (regdb / modality).iterdir()) == list("12345")
        images = list((regdb / modality).glob("*/*.bmp"))
        assert len(images) == 10
        assert {pixels(p).shape for p in images} == {(128, 64, 3)}


def test_regdb_index_lines_are_a_path_a_blank_and_a_label_from_0(regdb: Path) -> None:
    assert len(list((regdb / "idx").iterdir())) == 2 * 2 * 10
    for trial in range(1, 11):
        for split, size in (("train", 2), ("test", 3)):
            labels = {}
            for modality in ("Visible", "Thermal"):
                lines = (regdb / f"idx/{split}_{modality.lower()}_{trial}.txt").read_text()
                found = re.findall(rf"^({modality}/(\d+)/\S+\.bmp) (\d+)\n", lines, re.MULTILINE)
                assert len(found) == lines.count("\n") == size * SMALL["images"]
                assert all((regdb / path).is_file() for path, _, _ in found)
                labels[modality] = {int(i): int(label) for _, i, label in found}
            assert labels["Visible"] == labels["Thermal"]
            assert sorted(labels["Visible"].values()) == list(range(size))


def test_no_regdb_split_tests_on_a_person_it_trains_on(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "a", layout="regdb", identities=12, images=1, seed=0)
    halves = set()
    for trial in range(1, 11):
        train, test = (
            frozenset(
                re.findall(
                    r"/(\d+)/", (tmp_path / f"a/idx/{split}_visible_{trial}.txt").read_text()
                )
            )
            for split in ("train", "test")
        )
        assert not train & test
        assert len(train) == len(test) == 6
        halves.add(train)
    assert len(halves) == 10


def test_sysu_has_the_true_folders_and_images(sysu: Path) -> None:
    names = {f"cam{camera}" for camera in range(1, 7)}
    assert {p.name for p in sysu.iterdir()} == names | {"exp", "generated.json"}
    images = list(sysu.glob("cam*/*/*"))
    assert all(re.fullmatch(r"cam[1-6]/\d{4}/\d{4}\.jpg", str(p.relative_to(sysu))) for p in images)
    assert len({pixels(p).shape for p in images}) > len(images) // 2


def test_sysu_identities_are_split_once_and_have_gaps(sysu: Path) -> None:
    splits = {}
    for name in ("train", "val", "test"):
        text = (sysu / f"exp/{name}_id.txt").read_text()
        assert re.fullmatch(r"\d+(,\d+)*\n", text)
        splits[name] = [int(i) for i in text.split(",")]
    everyone = sorted(splits["train"] + splits["val"] + splits["test"])
    assert [len(splits[name]) for name in ("train", "val", "test")] == [12, 4, 4]
    assert everyone == sorted({int(p.name) for p in sysu.glob("cam*/*")})
    assert everyone != list(range(everyone[0], everyone[-1] + 1))


def test_sysu_shows_everyone_in_both_modalities_and_the_tested_indoors(sysu: Path) -> None:
    cameras: dict[int, set[int]] = {}
    for folder in sysu.glob("cam*/*"):
        cameras.setdefault(int(folder.name), set()).add(int(folder.parent.name[3:]))
    assert all(seen & {1, 2, 4, 5} and seen & {3, 6} for seen in cameras.values())
    assert any(seen != {1, 2, 3, 4, 5, 6} for seen in cameras.values())
    tested = (sysu / "exp/test_id.txt").read_text().split(",")
    assert all(1 in cameras[int(identity)] for identity in tested)


# Whole or not at all


def test_an_interrupted_generation_leaves_nothing(tmp_path: Path) -> None:
    calls: list[None] = []

    def interrupt() -> None:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic.generate(tmp_path / "a", **SMALL, advance=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_root_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    root = tmp_path / "a"
    early: list[bool] = []
    synthetic.generate(root, **SMALL, advance=lambda: early.append(root.exists()))
    assert not any(early)
    assert (root / "generated.json").is_file()


def test_a_second_call_writes_nothing(regdb: Path) -> None:
    def refuse() -> None:
        raise AssertionError("an image was written again")

    before = {p: p.stat().st_mtime_ns for p in [regdb, *regdb.rglob("*")]}
    synthetic.generate(regdb, **SMALL, advance=refuse)
    assert before == {p: p.stat().st_mtime_ns for p in [regdb, *regdb.rglob("*")]}


def test_other_settings_are_refused_in_one_line_that_names_them(regdb: Path) -> None:
    with pytest.raises(InputError) as refused:
        synthetic.generate(regdb, **{**SMALL, "seed": 4})
    assert f"{regdb}: was generated with seed=3, not seed=4" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("marker", [None, "not json", "[1]"])
def test_a_folder_of_somebody_else_is_refused_and_kept(marker: str | None, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    if marker is not None:
        (tmp_path / "generated.json").write_text(marker)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"was not generated; name another folder.*$") as refused:
        synthetic.generate(tmp_path, **SMALL)
    assert "\n" not in str(refused.value)
    assert contents(tmp_path) == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        synthetic.generate(tmp_path / "file" / "a", **SMALL)


def test_what_killed_runs_left_goes_after_a_day_and_never_disturbs(tmp_path: Path) -> None:
    fresh, old = (tmp_path / f".a.{name}.partial" for name in ("fresh", "old"))
    for leftover in (fresh, old):
        (leftover / "Visible").mkdir(parents=True)
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    synthetic.generate(tmp_path / "a", **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == [fresh.name, "a"]


@pytest.mark.parametrize("winner_seed", [3, 4])
def test_the_loser_of_a_race_takes_only_what_it_asked_for(winner_seed: int, tmp_path: Path) -> None:
    root = tmp_path / "a"

    def win() -> None:
        if not root.exists():
            synthetic.generate(root, **{**SMALL, "seed": winner_seed})

    if winner_seed == SMALL["seed"]:
        synthetic.generate(root, **SMALL, advance=win)
    else:
        with pytest.raises(InputError, match="was generated with seed=4, not seed=3"):
            synthetic.generate(root, **SMALL, advance=win)
    assert json.loads((root / "generated.json").read_text())["seed"] == winner_seed
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# What the cameras see


def test_infrared_images_have_three_equal_channels(regdb: Path, sysu: Path) -> None:
    grey = list(regdb.glob("Thermal/*/*")) + list(sysu.glob("cam[36]/*/*"))
    assert all(np.ptp(pixels(p), axis=2).max() == 0 for p in grey)


def test_infrared_images_do_not_know_the_colours() -> None:
    person = random_person(0, 1)
    recoloured = replace(person, colours=random_person(0, 2).colours)
    images = [infrared_image(p, POSE, SIZE, rng()) for p in (person, recoloured)]
    assert images[0].tobytes() == images[1].tobytes()


def test_visible_images_do_not_know_reflectance_and_texture() -> None:
    person, other = random_person(0, 1), random_person(0, 2)
    changed = replace(person, reflectance=other.reflectance, texture=other.texture)
    images = [visible_image(p, POSE, SIZE, rng()) for p in (person, changed)]
    assert images[0].tobytes() == images[1].tobytes()


def test_reflectance_does_not_follow_the_colours() -> None:
    people = [random_person(0, i) for i in range(300)]
    for part in (Part.UPPER, Part.LOWER, Part.BAG, Part.HAIR, Part.SHOES):
        colours = np.array([person.colours[part] for person in people], float)
        reflectance = np.array([person.reflectance[part] for person in people], float)
        correlation = np.corrcoef(np.column_stack([colours, reflectance]), rowvar=False)
        # Of 300 independent draws, one beyond 0.2 comes up less than once in 1000.
        assert abs(correlation[-1, :-1]).max() < 0.2


def test_a_print_brighter_for_one_camera_may_be_darker_for_the_other() -> None:
    people = [random_person(0, i) for i in range(60)]
    steps = np.array(
        [
            (
                person.colours[Part.UPPER_PRINT].max() > person.colours[Part.UPPER].max(),
                person.reflectance[Part.UPPER_PRINT] > person.reflectance[Part.UPPER],
            )
            for person in people
        ]
    )
    assert len(np.unique(steps, axis=0)) == 4


@pytest.mark.parametrize("camera", [visible_image, infrared_image])
def test_both_cameras_see_the_print(camera) -> None:
    person = random_person(0, 1)
    images = []
    for kind in ("plain", "rings"):
        design = Print(kind=kind, period=0.1, share=0.5, place=0.1)
        clothes = replace(person.clothes, upper_print=design, open_front=False)
        images.append(np.asarray(camera(replace(person, clothes=clothes), POSE, SIZE, rng())))
    changed = abs(images[0].astype(int) - images[1]).max(axis=2) > 25
    assert changed[30:64].mean() > 0.05


def test_a_person_is_warmer_than_what_is_behind() -> None:
    for i in range(10):
        person = random_person(0, i)
        pose = random_pose(person.build, rng(i))
        inside = part_map(person, pose)[::2, ::2] > 0
        levels = np.asarray(infrared_image(person, pose, SIZE, rng(i)))[..., 0]
        assert levels[inside].mean() > levels[~inside].mean() + 30


def test_everyone_has_a_shape_of_their_own() -> None:
    shapes = {part_map(random_person(0, i), POSE).tobytes() for i in range(100)}
    assert len(shapes) == 100


@pytest.mark.parametrize("change", [field.name for field in fields(Pose)])
def test_every_side_of_a_pose_changes_the_image(change: str) -> None:
    person = random_person(0, 1)
    moved = replace(POSE, **{change: getattr(POSE, change) + 0.1})
    images = [np.asarray(visible_image(person, p, SIZE, rng())) for p in (POSE, moved)]
    assert (images[0] != images[1]).any(axis=2).mean() > 0.01


@pytest.mark.parametrize("modality", list(Modality))
def test_images_have_the_size_asked_for(modality: Modality) -> None:
    for size in ((40, 101), (64, 128), (99, 200)):
        image = take_image(random_person(0, 1), modality, size, rng())
        assert (image.size, image.mode) == (size, "RGB")


def test_the_sheet_shows_the_images_that_regdb_holds(regdb: Path) -> None:
    sheet = synthetic.sheet(identities=2, images=2, seed=SMALL["seed"])
    last_visible = np.asarray(sheet.crop((68, 132, 132, 260)))
    assert np.array_equal(last_visible, pixels(regdb / "Visible/2/v_00002.bmp"))
