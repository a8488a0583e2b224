"""Files that a hostile colleague or a broken disk left: each command ends well or in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import forked
import hypothesis
import mindspore as ms
import mutations
import numpy as np
import pytest
from finished import finished
from hypothesis import strategies as st
from learners import small
from mindspore import Tensor
from mutations import Mutation
from safetensors.numpy import save_file
from typed import TINY

from ddag.datasets import synthetic, synthetic_csv, synthetic_llcm, synthetic_sysu
from ddag.gallery import lists
from ddag.people.generate import generate
from ddag.settings.plain import to_plain
from ddag.training import checkpoint
from ddag.training.checkpoint import Description

pytestmark = pytest.mark.slow

SECONDS = 20  # of a processor
# What a command says that does in earnest what a changed setting asks for, and takes its time.
AT_WORK = ("Generating people", "images to train with", "to be extracted")
SHORT = [*TINY, "train.epochs=1", "train.steps=1", "device.mode=pynative", "model.part=0",
         "model.graph=false"]  # fmt: skip


class Case(NamedTuple):
    """What a command is given.

    Attributes:
        template: name of the folder of which each attack spoils a copy, ``received``.
        files: that are spoilt at once, of each group one.
        words: of the command, typed beside the copy.
        share: of all commands; a job that computes takes seconds.
        writes: whether the command is to write into the folder.
    """

    template: str
    files: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    share: int
    writes: bool = False


RUN = ("result.json", "metrics.jsonl", "error.txt", ".hydra/config.yaml", ".hydra/overrides.yaml",
       ".hydra/hydra.yaml")  # fmt: skip
RUNS = 8  # that a report reads, and images that a data set holds: each is spoilt by itself
JOBS = ("0_seed=0/error.txt", "0_seed=0/.hydra/config.yaml", "1_seed=1/.hydra/overrides.yaml")
EVALUATED = ("checkpoint=received/best.ckpt", "device.mode=pynative")
CHECKED = ("job=check", "dataset.root=received")
CASES = [
    Case("runs", tuple(tuple(f"{run}/{name}" for name in RUN) for run in range(RUNS)),
         ("job=report", "job.folder=received"), 9, writes=True),
    Case("csv", tuple((f"camera{camera}/000{person}/1.png", f"camera{camera}/000{person}/2.png")
                      for camera in (1, 2) for person in (1, 2, 3, 4)),
         (*CHECKED, "dataset=csv"), 6),
    Case("sweep", (("multirun.yaml",),), ("sweep.resume=received", "sweep.list=true"), 12),
    Case("sweep", (("multirun.yaml", *JOBS),), ("sweep.resume=received",), 6, writes=True),
    Case("regdb", (("idx/train_visible_1.txt", "idx/test_thermal_3.txt"),),
         (*CHECKED, "dataset=regdb"), 8),
    Case("sysu", (("exp/train_id.txt", "exp/val_id.txt", "exp/test_id.txt"),),
         (*CHECKED, "dataset=sysu"), 6),
    Case("llcm", (("idx/train_vis.txt", "idx/train_nir.txt", "idx/test_id.txt"),),
         (*CHECKED, "dataset=llcm"), 6),
    Case("csv", (("table.csv",),), (*CHECKED, "dataset=csv"), 8),
    Case("csv", (("generated.json",),),
         (*CHECKED, "dataset=synthetic_csv", "dataset.generate.identities=4",
          "dataset.generate.images=2"), 3, writes=True),
    Case("sysu", (("train_rgb_resized_img.npy", "train_ir_resized_label.npy",
                   "train_rgb_resized_label.npy"),),
         ("dataset=sysu", "dataset.root=received", *SHORT), 4,
         writes=True),  # an array that is missing is prepared anew
    Case("checkpoint", (("best.ckpt:meta",),), ("job=evaluate", *EVALUATED), 8),
    Case("checkpoint", (("best.ckpt",),), ("job=visualize", *EVALUATED), 3),
    Case("gallery", (("galleries/*/index_*/images.npz", "galleries/*/index_*/features.npy",
                      "galleries/*/index_*/lists.npz"),),
         ("job=search", *EVALUATED, "job.query=received/1.png", "job.modality=visible",
          "job.gallery=received/images"), 3, writes=True),
    *(Case("weights", ((name,),), ("job=import_weights", f"job.source=received/{name}",
                                   "job.target=imported.ckpt", "dataset=synthetic"), 2)
      for name in ("a.npz", "a.safetensors", "a.pth", "a.ckpt")),
]  # fmt: skip


class Attack(NamedTuple):
    """A command, and what is done to its files."""

    case: Case
    mutations: dict[str, Mutation]

    def __str__(self) -> str:
        done = "; ".join(f"{file} {described(each)}" for file, each in self.mutations.items())
        return f"{' '.join(self.case.words[:3])}: {done}"


def described(mutation: Mutation) -> str:
    """Which function made it, of what."""
    freely = zip(mutation.__code__.co_freevars, mutation.__closure__ or ())
    with_what = ", ".join(f"{name}={cell.cell_contents!r:.80}" for name, cell in freely)
    return f"{mutation.__qualname__.partition('.')[0]}({with_what})"


def drawn(chance: Random) -> Attack:
    """An attack by chance."""
    (case,) = chance.choices(CASES, [case.share for case in CASES])
    chosen = {}
    for group in case.files:
        file = chance.choice(group)
        if file.endswith(":meta"):
            chosen[file.partition(":")[0]] = mutations.of_value(in_meta, chance)
        else:
            chosen[file] = mutations.of_format(file, chance)
    return Attack(case, chosen)


def in_meta(place: float, value: Any, how: str) -> Mutation:
    """Change a value of what a checkpoint says of itself; its fingerprint is right."""

    def change(path: Path) -> None:
        entries = dict(ms.load_checkpoint(str(path)))
        del entries[checkpoint.FINGERPRINT]
        tree = json.loads(entries[checkpoint.META].asnumpy().tobytes())
        put = "@raw@" if isinstance(value, mutations.Raw) else value
        text = mutations.dumped(mutations.altered(tree, place, put, how), value, json.dumps)
        entries[checkpoint.META] = Tensor(np.frombuffer(text.encode(), np.uint8))
        held = ((name, entries[name].asnumpy()) for name in sorted(entries))
        entries[checkpoint.FINGERPRINT] = Tensor(checkpoint._fingerprint(held))
        checkpoint.write(path, entries)

    return change


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory, nursery: forked.Nursery) -> Path:
    """A folder with what each command is given, whole."""
    root = tmp_path_factory.mktemp("templates")
    for name, layout, identities in (
        ("regdb", synthetic.LAYOUT, 4),
        ("sysu", synthetic_sysu.LAYOUT, 16),
        ("csv", synthetic_csv.LAYOUT, 4),
        ("llcm", synthetic_llcm.LAYOUT, 6),
    ):
        generate(root / name, layout=layout, identities=identities, images=2, seed=0)

    def run(*words: str, code: int = 0) -> None:
        ended = nursery.run(list(words), root, seconds=300)
        assert ended.code == code, ended

    run("job=prepare", "dataset=sysu", "dataset.root=sysu", *SHORT[:2])
    words = ["dataset=csv", "dataset.root=nowhere", *SHORT]
    run("-m", "seed=0,1", "hydra.sweep.dir=sweep", *words, code=1)
    for number in range(RUNS):
        shutil.copytree(root / "sweep" / "0_seed=0", root / "runs" / str(number))
        write_run(root / "runs" / str(number))
    write_networks(root)
    words = ["job.query=gallery/1.png", "job.modality=visible", "job.gallery=gallery/images"]
    run("job=search", "checkpoint=gallery/best.ckpt", *words)
    (index,) = root.glob("gallery/galleries/*/index_*")
    features = np.load(index / "features.npy")
    grouped = lists.group(np.arange(len(features)) % 2, features[:2], len(features))
    lists.write(index / "lists.npz", grouped)
    return root


def write_run(run: Path) -> None:
    """What a finished run leaves, and why it had failed before."""
    finished(0.5, features=("feat", "feat_att"), protocol={"dataset": "csv"}).write(run)
    lines = [{"epoch": 1, "train/loss": 3.5}, {"epoch": 2, "train/loss": 2, "eval/feat/rank1": 0.5}]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (run / "error.txt").write_text("RuntimeError: no room\n")


def write_networks(root: Path) -> None:
    """A checkpoint, galleries of it, and its backbone in each format of weights."""
    words = ["dataset=csv", f"dataset.root={root / 'csv'}", "model.part=0", "model.graph=false"]
    method, learner = small("ddag", *words, identities=2)
    path = root / "checkpoint" / "best.ckpt"
    described = Description(to_plain(method.settings), identities=2, epoch=1, step=1)
    checkpoint.save(path, learner, described)
    gallery = root / "gallery"
    shutil.copytree(root / "csv" / "camera1", gallery / "images")
    shutil.copy(root / "csv" / "camera1" / "0001" / "1.png", gallery)
    shutil.copy(path, gallery)
    weights = root / "weights"
    weights.mkdir()
    arrays = {each.name: each.asnumpy() for each in learner.get_parameters()}
    save_file(arrays, weights / "a.safetensors")
    np.savez(weights / "a.npz", **arrays)
    shutil.copy(path, weights / "a.ckpt")
    try:
        import torch
    except ImportError:
        (weights / "a.pth").write_bytes(b"PK\x03\x04")
    else:
        torch.save({name: torch.from_numpy(each) for name, each in arrays.items()},
                   weights / "a.pth")  # fmt: skip


@pytest.fixture(scope="module")
def nursery() -> Iterator[forked.Nursery]:
    warm = forked.Nursery()
    yield warm
    warm.close()


def faults(attack: Attack, place: Path, templates: Path, nursery: forked.Nursery) -> list[str]:
    """What a command does that it must not, with a spoilt file; ``place`` is its own folder."""
    received = place / "received"
    # Files that nothing is to write to are the template's own: some have 45 MB.
    how = shutil.copy2 if attack.case.writes else os.link
    shutil.copytree(templates / attack.case.template, received, copy_function=how)
    for name in ("planted.py", "received/planted.py"):
        (place / name).write_text("open('ran', 'w')\n")
    for file, mutation in attack.mutations.items():
        (spoilt,) = received.glob(file)
        own = spoilt.read_bytes()
        spoilt.unlink()
        spoilt.write_bytes(own)
        mutation(spoilt)
    before = {path.relative_to(received) for path in received.rglob("*")}
    ended = nursery.run(list(attack.case.words), place, seconds=SECONDS)
    after = {path.relative_to(received) for path in received.rglob("*")}
    return list(_wrong(ended, [] if attack.case.writes else sorted(map(str, after ^ before))))


def _wrong(ended: forked.Ending, made: list[str]) -> Iterator[str]:
    lines = ended.err.strip().splitlines()
    if ended.code is None:
        if not any(said in ended.out for said in AT_WORK):
            yield f"not through after {SECONDS} s; {ended.out[-300:]}"
    elif ended.code in (1, 2):  # 1: a sweep, a line for each job that failed
        wanted = len(lines) if ended.code == 1 else 1
        if not lines or len(lines) != wanted or not all(map(re.compile("error: ").match, lines)):
            yield f"exit code {ended.code} and {ended.err[-1500:]}"
    elif ended.code != 0:
        yield f"exit code {ended.code}; {ended.err[-1500:]}"
    if "Traceback" in ended.err + ended.out:
        yield f"a traceback: {ended.err[-1500:]}"
    yield from ended.crossed
    yield from (f"{path} appeared or went away" for path in made)


def test_no_file_runs_a_program_writes_elsewhere_or_ends_otherwise_than_in_one_line(
    tmp_path: Path,
    templates: Path,
    nursery: forked.Nursery,
    request: pytest.FixtureRequest,
) -> None:
    commands, wanted = (1_000, 2_000) if request.config.getoption("--long") else (55, 100)
    found, tried = [], 0

    @hypothesis.settings(
        max_examples=commands,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    # A Random of its own for each: Hypothesis' own draws are variations of those before.
    @hypothesis.given(st.randoms(use_true_random=True))
    def attempt(chance: Random) -> None:
        nonlocal tried
        attack = drawn(chance)
        with TemporaryDirectory(dir=tmp_path) as place:
            wrong = faults(attack, Path(place), templates, nursery)
        found.extend(f"{attack}: {each}" for each in wrong)
        tried += len(attack.mutations)
        print("!!" if wrong else "ok", tried, attack, *wrong, flush=True)

    attempt()
    assert not found, "\n".join([f"{len(found)} faults", *found])
    assert tried >= wanted
