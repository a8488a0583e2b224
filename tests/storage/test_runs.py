"""Whole commands on a store: trained on, mirrored there, resumed on another machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from killing import await_file
from stores import KEYS, S3, Line
from typed import REPOSITORY, TINY, only_run, type_in

from ddag.machine.errors import InputError
from ddag.runs import resuming
from ddag.storage import copies

ROOT, MIRROR = "dataset.root=s3://bucket/regdb", "output.mirror=s3://bucket/mine"
WORDS = ["dataset=regdb", "tag=far", *TINY, "device.mode=pynative", "model.graph=false"]


def a_run(s3: S3, *words: str) -> str:
    """Put a run's words and a checkpoint into the store; the run's URL."""
    place = "mine/outputs/far/TIME"
    s3.put(f"{place}/.hydra/overrides.yaml", json.dumps(words).encode())
    s3.put(f"{place}/checkpoints/last.ckpt")
    return f"s3://bucket/{place}"


def test_a_run_in_a_store_is_copied_and_resumed_with_its_own_words(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = a_run(s3, "model.part=0", "seed=3")
    words = resuming.expand([f"train.resume={url}", "train.epochs=9"])
    assert words == ["model.part=0", "seed=3", "train.resume=outputs/far/TIME", "train.epochs=9"]
    assert Path("outputs", "far", "TIME", "checkpoints", "last.ckpt").read_bytes() == b"some"
    assert [path.name for path in Path("outputs", "far").iterdir()] == ["TIME"]
    with pytest.raises(InputError, match=r"resume that by train.resume=outputs/far/TIME"):
        resuming.expand([f"train.resume={url}"])


def test_what_a_copied_run_says_is_checked_as_any_received_folder(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    s3.put("regdb/a")
    url = a_run(s3, "hydra.run.dir=/elsewhere", "output.mirror=s3://b/c", ROOT)
    with pytest.raises(InputError) as caught:
        resuming.expand([f"train.resume={url}"])
    said = "hydra.run.dir=/elsewhere output.mirror=s3://b/c dataset.root=s3://bucket/regdb, which"
    assert said in str(caught.value)
    assert "train.resume=outputs/far/TIME hydra.run.dir=" in str(caught.value)
    copies.cached("dataset.root", "s3://bucket/regdb")
    words = ["train.resume=outputs/far/TIME", "hydra.run.dir=x", "output.mirror=s3://d/e"]
    assert ROOT in resuming.expand(words)  # it is a data set that the user has copied


@pytest.mark.parametrize("word", ["--cfg", "--help"])
def test_a_look_at_the_settings_copies_nothing(word: str) -> None:
    words = ["train.resume=s3://bucket/mine/outputs/far/TIME", word]
    assert resuming.expand(words) == words


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/..", "s3://bucket/a/.."])
def test_a_place_that_is_no_run_is_refused(
    s3: S3, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"ends in no run folder"):
        resuming.expand([f"train.resume={url}"])


@pytest.mark.parametrize("key", ["dataset.root", "output.mirror", "train.resume"])
def test_credentials_in_a_url_are_refused_and_not_said_again(key: str, tmp_path: Path) -> None:
    ended = type_in(tmp_path, f"{key}=s3://key:hidden@bucket/a", code=2)
    assert "holds credentials" in ended.stderr
    assert "hidden" not in ended.stderr + ended.stdout
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_run_on_a_store_is_mirrored_and_goes_on_on_another_machine(
    s3: S3, tiny_regdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_folder(tiny_regdb, "regdb")
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    type_in(first, *WORDS, ROOT, MIRROR, "train.epochs=1")
    run = only_run(first)
    place = f"mine/outputs/far/{run.name}"
    assert json.loads(s3.read(f"{place}/result.json"))["epoch"] == 1
    for name in ("best.ckpt", "last.ckpt"):
        assert s3.read(f"{place}/checkpoints/{name}") == (run / "checkpoints" / name).read_bytes()
    (line,) = (run / "metrics.jsonl").read_text().splitlines()
    shutil.rmtree(first)
    monkeypatch.setenv("DDAG_CACHE", str(tmp_path / "other"))  # a machine that has nothing
    type_in(second, f"train.resume=s3://bucket/{place}", ROOT, MIRROR, "train.epochs=2")
    lines = s3.read(f"{place}/metrics.jsonl").decode().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    assert json.loads(lines[0])["train/loss"] == json.loads(line)["train/loss"]
    assert json.loads(s3.read(f"{place}/result.json"))["step"] in (2, 4)
    last = s3.read(f"{place}/checkpoints/last.ckpt")
    assert last == (only_run(second) / "checkpoints" / "last.ckpt").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dataset.root=s3://bucket/none", "no such path, or nothing in it"),
        ("dataset.root=s3://none/regdb", "no such bucket or path"),
        ("output.mirror=s3://none/mine", "no such bucket or path"),
        ("train.resume=s3://bucket/mine/outputs/far/NONE", "no such path, or nothing in it"),
    ],
)
def test_a_command_ends_in_one_line(s3: S3, word: str, said: str, tmp_path: Path) -> None:
    s3.put("regdb/a")
    ended = type_in(tmp_path, "job=check", *WORDS, ROOT, word, code=2)
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: {word}")
    assert said in line
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.slow
def test_wrong_credentials_end_in_one_line(s3: S3, tmp_path: Path) -> None:
    s3.put("regdb/a")
    with s3.guarded() as allowed:
        ended = type_in(
            tmp_path, "job=check", *WORDS, ROOT, code=2, environment=dict.fromkeys(KEYS, "wrong")
        )
        (line,) = ended.stderr.splitlines()
        assert "may not be read with these credentials" in line
        forged = {**allowed, "AWS_SECRET_ACCESS_KEY": "wrong"}
        ended = type_in(tmp_path, "job=check", *WORDS, ROOT, code=2, environment=forged)
        (line,) = ended.stderr.splitlines()
        assert "may not be read with these credentials" in line


@pytest.mark.slow
def test_a_run_whose_store_goes_away_ends_with_its_results_and_one_line(
    s3: S3, line: Line, tiny_regdb: Path, tmp_path: Path
) -> None:
    given = [*WORDS, f"dataset.root={tiny_regdb}", MIRROR, "hydra.run.dir=run"]
    given += ["train.epochs=1"]
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run.py"), *given],
        cwd=tmp_path, env={**os.environ, "COLUMNS": "300"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert await_file(process, tmp_path, "run/checkpoints/best.ckpt")
    line.cut_after = 0
    out, err = process.communicate(timeout=300)
    assert process.returncode == 2, out + err
    (said,) = err.splitlines()
    assert said.startswith(f"error: {MIRROR}/run: the store does not answer as it should")
    assert said.endswith(f"the results are whole in {tmp_path}/run")
    assert (tmp_path / "run" / "result.json").is_file()
