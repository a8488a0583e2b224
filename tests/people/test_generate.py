from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
from PIL import Image

from ddag.machine import processors
from ddag.machine.errors import InputError
from ddag.machine.files import drafting
from ddag.people import crew
from ddag.people.generate import VERSION, generate, image_count, sheet
from ddag.people.layout import Labels, Layout, Plan, Shot
from ddag.settings.choices import Modality
from ddag.settings.data import Dials


def plan(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
    """Each person by each of two cameras, and a list of the people in disorder."""
    shots = [
        Shot(f"camera{camera}/{i}_{n}.{ending}", i, camera, n, modality, size)
        for i in range(1, identities + 1)
        for camera, modality, ending, size in (
            (1, Modality.visible, "bmp", (64, 128)),
            (2, Modality.infrared, "png", (40, 100)),
        )
        for n in range(1, images + 1)
    ]
    return Plan(shots, {"lists/order.txt": " ".join(map(str, rng.permutation(identities)))})


LAYOUT = Layout("toy", plan)
SMALL: dict[str, Any] = {"layout": LAYOUT, "identities": 5, "images": 2, "seed": 3}


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "people"
    generate(folder, **SMALL)
    return folder


def test_the_layout_says_what_is_on_disk(root: Path) -> None:
    written = set(contents(root))
    expected = plan(5, 2, np.random.default_rng(0), Labels())
    assert written == {"generated.json", "lists/order.txt", *(s.path for s in expected.shots)}
    for shot in expected.shots:
        with Image.open(root / shot.path) as image:
            assert (image.size, image.mode) == (shot.size, "RGB")


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    generate(tmp_path / "b", **SMALL)
    assert contents(root) == contents(tmp_path / "b")


def test_another_seed_gives_other_images_and_lists(root: Path, tmp_path: Path) -> None:
    generate(tmp_path / "b", **{**SMALL, "seed": 4})
    mine, other = contents(root), contents(tmp_path / "b")
    assert mine.keys() == other.keys()
    assert not [name for name in mine if mine[name] == other[name]]


def test_an_image_does_not_depend_on_how_many_others_there_are(root: Path, tmp_path: Path) -> None:
    generate(tmp_path / "b", **{**SMALL, "identities": 6, "images": 1})
    for name in ("camera1/5_1.bmp", "camera2/5_1.png"):
        assert (root / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_image_advances_the_bar_once(tmp_path: Path) -> None:
    calls: list[None] = []
    generate(tmp_path / "a", **SMALL, advance=lambda: calls.append(None))
    assert len(calls) == image_count(**SMALL) == 20


def test_an_interrupted_generation_leaves_nothing(tmp_path: Path) -> None:
    calls: list[None] = []

    def interrupt() -> None:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "a", **SMALL, advance=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_root_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    root = tmp_path / "a"
    early: list[bool] = []
    generate(root, **SMALL, advance=lambda: early.append(root.exists()))
    assert not any(early)
    assert (root / "generated.json").is_file()


def test_a_second_call_writes_nothing(root: Path) -> None:
    def refuse() -> None:
        raise AssertionError("an image was written again")

    before = {p: p.stat().st_mtime_ns for p in [root, *root.rglob("*")]}
    generate(root, **SMALL, advance=refuse)
    assert before == {p: p.stat().st_mtime_ns for p in [root, *root.rglob("*")]}


def test_other_settings_are_refused_in_one_line_that_names_them(root: Path) -> None:
    with pytest.raises(InputError) as refused:
        generate(root, **{**SMALL, "seed": 4})
    assert f"{root}: was generated with seed=3, not seed=4" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_people_under_other_dials_are_refused_by_the_dials_name(tmp_path: Path) -> None:
    generate(tmp_path / "a", **SMALL, dials=Dials(occlusion=0.5))
    generate(tmp_path / "a", **SMALL, dials=Dials(occlusion=0.5))
    with pytest.raises(InputError, match=r"was generated with occlusion=0\.5, not occlusion=0\.0;"):
        generate(tmp_path / "a", **SMALL)


def test_folders_of_a_version_without_dials_are_taken_as_they_are(
    root: Path, tmp_path: Path
) -> None:
    generate(tmp_path / "a", **SMALL)
    marker = tmp_path / "a" / "generated.json"
    said = json.loads(marker.read_text())
    for dial in fields(Dials):
        assert said.pop(dial.name) == dial.default
    marker.write_text(json.dumps(said))
    before = contents(tmp_path / "a")
    generate(tmp_path / "a", **SMALL)
    assert contents(tmp_path / "a") == before
    with pytest.raises(InputError, match=r"with pose=0\.5, not pose=1\.0"):
        generate(tmp_path / "a", **SMALL, dials=Dials(pose=1.0))


def test_images_at_the_default_dials_are_those_of_the_version() -> None:
    """Whoever changes this digest makes old folders other than new ones: VERSION goes up."""
    digest = hashlib.sha256(sheet(identities=3, images=2, seed=5).tobytes()).hexdigest()
    assert (VERSION, digest[:16]) == (2, "0449fd914706dee0")


def test_noise_of_labels_is_handed_to_the_layout_and_leaves_images_alone(
    root: Path, tmp_path: Path
) -> None:
    seen: list[Labels] = []

    def noting(identities: int, images: int, rng: np.random.Generator, labels: Labels) -> Plan:
        seen.append(labels)
        return plan(identities, images, rng, labels)

    noisy = {**SMALL, "layout": Layout("toy", noting)}
    generate(tmp_path / "b", **noisy, dials=Dials(label_noise=0.5))
    assert seen == [Labels(0.5, SMALL["seed"])]
    mine, other = contents(root), contents(tmp_path / "b")
    assert {name for name in mine if mine[name] != other[name]} == {"generated.json"}


@pytest.mark.parametrize(
    "marker", [None, "not json", "[1]", "[" * 100_000], ids=["none", "words", "list", "deep"]
)
def test_a_folder_of_somebody_else_is_refused_and_kept(
    marker: Optional[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    if marker is not None:
        (tmp_path / "generated.json").write_text(marker)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"was not generated; name another folder.*$") as refused:
        generate(tmp_path, **SMALL)
    assert "\n" not in str(refused.value)
    assert contents(tmp_path) == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        generate(tmp_path / "file" / "a", **SMALL)


def test_what_killed_runs_left_goes_and_what_a_run_is_writing_stays(tmp_path: Path) -> None:
    partial = tmp_path / ".a.0123.partial"
    (partial / "camera1").mkdir(parents=True)
    with drafting(tmp_path, "none"):  # as a run that is at it
        generate(tmp_path / "a", **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == [partial.name, "a"]
    shutil.rmtree(tmp_path / "a")
    generate(tmp_path / "a", **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


@pytest.mark.parametrize("winner_seed", [3, 4])
def test_the_loser_of_a_race_takes_only_what_it_asked_for(winner_seed: int, tmp_path: Path) -> None:
    root = tmp_path / "a"

    def win() -> None:
        if not root.exists():
            generate(root, **{**SMALL, "seed": winner_seed})

    if winner_seed == SMALL["seed"]:
        generate(root, **SMALL, advance=win)
    else:
        with pytest.raises(InputError, match="was generated with seed=4, not seed=3"):
            generate(root, **SMALL, advance=win)
    assert json.loads((root / "generated.json").read_text())["seed"] == winner_seed
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_folders_of_a_version_that_said_pictures_are_taken_as_they_are(tmp_path: Path) -> None:
    generate(tmp_path / "a", **SMALL)
    marker = tmp_path / "a" / "generated.json"
    said = marker.read_text().replace('"images"', '"pictures"')
    marker.write_text(said)
    generate(tmp_path / "a", **SMALL)
    assert marker.read_text() == said
    with pytest.raises(InputError, match="was generated with images=2, not images=3"):
        generate(tmp_path / "a", **{**SMALL, "images": 3})


def test_the_sheet_shows_a_row_for_each_person(root: Path) -> None:
    shown = sheet(identities=3, images=2, seed=SMALL["seed"])
    assert shown.size == (2 * 2 * 66 + 4 * 2 + 2, 3 * 130 + 2)
    with Image.open(root / "camera1/2_2.bmp") as image:
        np.testing.assert_array_equal(shown.crop((68, 132, 132, 260)), image)


class TestManyImages:
    """As they are drawn by several processes; here few are many."""

    @pytest.fixture(autouse=True)
    def many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crew, "_MANY", 7)  # of 20
        monkeypatch.setattr(processors, "count", lambda: 3)

    def test_processes_take_the_same_images_and_advance_the_bar(
        self, root: Path, tmp_path: Path
    ) -> None:
        calls: list[None] = []
        generate(tmp_path / "b", **SMALL, advance=lambda: calls.append(None))
        assert contents(root) == contents(tmp_path / "b")
        assert len(calls) == 20

    @pytest.mark.parametrize(
        "program",
        [
            "raise SystemExit(1)",
            # Two images of its ten, then it is killed.
            "import os, signal, sys; from ddag.people import crew; own, steps = crew._say, []\n"
            "def say(answer):\n"
            "    own(answer); steps.append(1)\n"
            "    if len(steps) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
            "crew._say = say; crew.main()",
        ],
        ids=["at once", "in the middle"],
    )
    def test_what_a_process_that_dies_leaves_is_taken_here(
        self, program: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[subprocess.Popen[bytes]] = []
        calls: list[None] = []
        own = subprocess.Popen

        def begin(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
            begun.append(own([command[0], "-c", program, command[-1]], **how))
            return begun[-1]

        monkeypatch.setattr(subprocess, "Popen", begin)
        generate(tmp_path / "b", **SMALL, advance=lambda: calls.append(None))
        assert contents(root) == contents(tmp_path / "b")
        assert len(calls) == 20
        assert len(begun) == 2

    def test_a_place_that_cannot_be_written_is_refused_as_ever(self, tmp_path: Path) -> None:
        blocked = Layout("toy", lambda *_: Plan([*_shots()[:19], _LOST], {"camera3": ""}))
        with pytest.raises(InputError, match="cannot write there"):
            generate(tmp_path / "a", **{**SMALL, "layout": blocked})
        assert list(tmp_path.iterdir()) == []

    def test_an_interruption_ends_the_processes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[subprocess.Popen[bytes]] = []
        own = crew._begin

        def begin(number: int, answering: int) -> subprocess.Popen[bytes]:
            begun.append(own(number, answering))
            return begun[-1]

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(crew, "_begin", begin)
        with pytest.raises(KeyboardInterrupt):
            generate(tmp_path / "a", **SMALL, advance=interrupt)
        assert [process.returncode is not None for process in begun] == [True, True]
        assert list(tmp_path.iterdir()) == []


def _shots() -> list[Shot]:
    return plan(5, 2, np.random.default_rng(0), Labels()).shots


_LOST = Shot("camera3/1.bmp", 1, 3, 1, Modality.visible)  # where a file is
