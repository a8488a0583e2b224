"""ModelArts' arguments: each becomes the word that says the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typed import REPOSITORY, parse

from ddag.modelarts import words


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--data_url=obs://b/regdb"], ['dataset.root="s3://b/regdb"']),
        (["--data_url", "s3://b/regdb"], ['dataset.root="s3://b/regdb"']),
        (["--train_url=obs://b/mine/"], ['output.mirror="s3://b/mine/"']),
        (["--data_url=/home/ma-user/inputs"], ["dataset.root=/home/ma-user/inputs"]),
        (["--train_url=/home/ma-user/out"], ['output.mirror="file:///home/ma-user/out"']),
        (["--train_url", "/a b"], ['output.mirror="file:///a b"']),
        (["--data_url=/a b"], ['dataset.root="/a b"']),
        (["--dataset=regdb", "--train.epochs", "5"], ["dataset=regdb", "train.epochs=5"]),
        (["--num_gpus=1", "--rank", "0", "seed=3"], ["seed=3"]),
        (["--cfg", "job", "--help"], ["--cfg", "job", "--help"]),
        (["-m", "seed=1,2"], ["-m", "seed=1,2"]),
        ([], []),
    ],
)
def test_an_argument_is_the_word_that_says_the_same(given: list[str], meant: list[str]) -> None:
    assert words(given) == meant


def test_what_the_arguments_say_composes() -> None:
    given = ["--data_url=obs://b/regdb", "--train_url=obs://b/mine", "--dataset=regdb"]
    settings = parse(*words(given))
    assert (settings.dataset.root, settings.output.mirror) == ("s3://b/regdb", "s3://b/mine")


def test_the_boot_file_runs_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "modelarts.py"), "--data_url=obs://b/x", "--cfg", "job"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "root: s3://b/x" in done.stdout
