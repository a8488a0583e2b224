"""The commands of the pages run as they stand, in a folder that has what they name.

Trainings are shrunk to a step, and of a sweep its list of jobs is printed. A block below a comment
``<!-- not run: reason -->`` is passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import forked
import pytest
from pages import commands
from typed import type_in

pytestmark = pytest.mark.slow

SMALLEST = {
    "data.height": "96", "data.width": "48", "data.test_batch": "8", "augmentation.crop": "2",
    "sampler.identities": "2", "sampler.images": "2", "model.backbone": "resnet18",
    "train.epochs": "1", "train.steps": "1", "device.mode": "pynative",
}  # fmt: skip
FEW_PEOPLE = {"dataset.generate.identities": "8", "dataset.generate.images": "2"}
TRAINED = "experiment=regdb_v2i"
CHECKPOINT = "outputs/regdb_v2i/TIME/checkpoints/best.ckpt"


def shrunk(words: list[str]) -> list[str]:
    """The words, and those that make it small where they do not say it themselves."""
    typed = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    if "sweep.resume" in typed:
        return words
    if "-m" in typed or "sweep" in typed:
        return [*words, "sweep.list=true"]
    if typed.get("job", "train") not in ("train", "profile", "prepare"):
        return words
    small = SMALLEST
    if not {"dataset", "experiment", "train.resume"} & set(typed):
        small = {**SMALLEST, **FEW_PEOPLE}
    return [*words, *(f"{key}={value}" for key, value in small.items() if key not in typed)]


@pytest.fixture(scope="module")
def nursery() -> Iterator[forked.Nursery]:
    warm = forked.Nursery()
    yield warm
    warm.close()


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path, tiny_sysu: Path, tiny_llcm: Path
) -> Path:
    """A working directory with a run, a sweep, data sets and pictures."""
    folder = tmp_path_factory.mktemp("pages")
    for name, root in (("regdb", tiny_regdb), ("sysu", tiny_sysu), ("llcm", tiny_llcm)):
        shutil.copytree(root, folder / "data" / name)
    run, sweep = "outputs/regdb_v2i/TIME", "multirun_sweeps/branches/TIME"
    type_in(folder, *shrunk([TRAINED]), f"hydra.run.dir={run}")
    shutil.copytree(folder / run, folder / "outputs" / "toy" / "TIME")
    last = (folder / CHECKPOINT).with_name("last.ckpt")
    shutil.copy(last, last.with_name("epoch_020.ckpt"))
    one = shrunk([TRAINED, "model.part=0", "model.graph=false", "seed=0"])
    type_in(folder, "-m", *one, f"hydra.sweep.dir={sweep}")
    shutil.copytree(folder / sweep, folder / "multirun_sweeps" / "losses" / "TIME")
    visible, infrared = (
        next((tiny_regdb / kind).rglob("*.bmp")) for kind in ("Visible", "Thermal")
    )
    (folder / "archive").mkdir()
    shutil.copy(visible, folder / "archive")
    shutil.copy(infrared, folder / "night.png")
    return folder


def named(word: str) -> str:
    """A word with what is in ``place`` for a name that a page leaves to the reader."""
    word = word.replace("PATH/", f"{Path(CHECKPOINT).parent}/").replace("=PATH", f"={CHECKPOINT}")
    for name in ("RegDB", "SYSU-MM01", "LLCM"):
        word = word.replace(f"/data/{name}", f"data/{name.partition('-')[0].lower()}")
    return word


@pytest.mark.parametrize(("page", "words"), list(commands()))
def test_every_command_of_the_pages_runs(
    page: str, words: list[str], place: Path, nursery: forked.Nursery
) -> None:
    given = [named(word) for word in shrunk(words)]
    ended = nursery.run(given, place, seconds=120)
    assert ended.code == 0, (page, given, ended.out[-2000:], ended.err[-2000:])
