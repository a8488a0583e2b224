"""The data set that a checkpoint names: it is read, and nothing is written for its sake."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from typed import parse

from ddag import composition, jobs
from ddag.datasets import synthetic
from ddag.machine.errors import InputError
from ddag.people.generate import generate
from ddag.runs.report.runs import read_runs
from ddag.settings.plain import to_plain
from ddag.training.restore import Restored, restore

Untrained = Callable[..., Path]
PEOPLE = ["dataset.generate.identities=4", "dataset.generate.images=1"]


@pytest.fixture
def path(tmp_path: Path, untrained: Untrained) -> Path:
    """A checkpoint that names people in a folder that is not there."""
    words = ["dataset=synthetic", f"dataset.root={tmp_path / 'people'}", *PEOPLE]
    return untrained(tmp_path, *words)


def names(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def restored(path: Path, *given: str) -> Restored:
    return restore(parse("job=evaluate", f"checkpoint={path}", *given), given)


@pytest.mark.parametrize("job", ["evaluate", "visualize", "extract"])
@pytest.mark.parametrize("given", [[], PEOPLE], ids=["nothing", "people"])
def test_no_job_generates_people_for_a_checkpoint(
    path: Path, tmp_path: Path, job: str, given: list[str]
) -> None:
    before = names(tmp_path)
    settings = parse(f"job={job}", f"checkpoint={path}", *given)
    with pytest.raises(
        InputError, match=r"people: no such folder, and a checkpoint alone"
    ) as caught:
        jobs.run(settings, tmp_path, given)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == sorted([*before, "environment.json"])  # of every run


def test_the_words_that_are_said_have_the_people_generated(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        restored(path).dataset.read_test()
    words = shlex.split(str(caught.value).rpartition("have it written by ")[2])
    assert words[0] == "job=check"
    jobs.run(parse(*words), tmp_path, words)
    assert (tmp_path / "people" / "generated.json").is_file()
    assert len(restored(path).dataset.read_test().query) == 2


def test_another_folder_is_not_generated_for_a_checkpoint(path: Path, tmp_path: Path) -> None:
    given = [f"dataset.root={tmp_path / 'other'}"]
    with pytest.raises(InputError, match="other: no such folder, and a checkpoint alone"):
        restored(path, *given).dataset.read_test()
    assert not (tmp_path / "other").exists()


def test_a_job_on_a_checkpoint_keeps_the_settings_that_it_was_done_with(
    tmp_path: Path, untrained: Untrained
) -> None:
    words = ["seed=7", "loss.margin=0.5", "dataset=regdb", "dataset.root=/", "dataset.trial=3"]
    path = untrained(tmp_path, *words)
    settings = parse("job=evaluate", f"checkpoint={path}", "data.test_batch=9")
    for name, content in (
        ("config", to_plain(settings)),
        ("hydra", {"hydra": {"runtime": {"choices": {"model": "agw", "dataset": "synthetic"}}}}),
        ("overrides", ["job=evaluate"]),
    ):
        (tmp_path / ".hydra").mkdir(exist_ok=True)
        (tmp_path / ".hydra" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    restore(settings, ["data.test_batch=9"], tmp_path)
    (run,) = read_runs(tmp_path)
    wanted = {"seed": "7", "loss.margin": "0.5", "dataset.trial": "3", "data.test_batch": "9",
              "job.name": "evaluate", "model.graph": "false", "model": "ddag", "dataset": "regdb",
              "checkpoint": str(path)}  # fmt: skip
    assert {key: run.value(key) for key in wanted} == wanted


def test_people_that_are_there_are_read(path: Path, tmp_path: Path) -> None:
    generate(tmp_path / "people", layout=synthetic.LAYOUT, identities=4, images=1, seed=0)
    before = names(tmp_path)
    assert len(restored(path).dataset.read_test().query) == 2
    assert names(tmp_path) == before


def test_a_data_set_that_the_command_line_names_is_generated(path: Path, tmp_path: Path) -> None:
    given = ["dataset=synthetic", f"dataset.root={tmp_path / 'mine'}", *PEOPLE]
    assert len(restored(path, *given).dataset.read_test().query) == 2


def test_no_arrays_are_prepared_for_a_checkpoint(
    tmp_path: Path, untrained: Untrained, tiny_sysu: Path
) -> None:
    path = untrained(tmp_path, "dataset=sysu", f"dataset.root={tiny_sysu}")
    dataset = restored(path).dataset
    before = names(tiny_sysu)
    with pytest.raises(InputError, match=r"are not prepared, and a checkpoint .*job=prepare"):
        dataset.prepare()
    assert names(tiny_sysu) == before


@pytest.mark.parametrize(
    ("group", "change"),
    [
        ("dataset", {"root": "${oc.env:HOME}"}),
        ("dataset", {"generate": {"identities": "${seed}", "images": 1, "seed": 0}}),
        ("model", {"pretrained": "a ${tag}"}),
    ],
)
def test_what_a_checkpoint_says_is_taken_by_the_letter(group: str, change: dict[str, Any]) -> None:
    settings = parse("job=evaluate", "checkpoint=a.ckpt")
    stored = to_plain(settings)
    stored[group].update(change)
    with pytest.raises(InputError, match=r"a\.ckpt: its settings do not fit .*\$\{.* is no value"):
        composition.restore(stored, settings, [])
