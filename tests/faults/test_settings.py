"""Settings at random, all the way: each run ends well or in one line."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import killing
import pytest
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

# What is costly and decided before the network is built is tried in tests/test_composition.py.
SMALL = st.sampled_from(
    [
        "model.part=0", "model.part=5", "model.graph=false", "model.heads=1", "model.low_dim=1",
        "model.dropout=0", "data.height=16", "data.width=17", "data.height=33", "model.part=2",
        "data.test_batch=1", "data.test_batch=100", "data.workers=1", "data.workers=7",
        "sampler.identities=6", "sampler.identities=7", "sampler.images=1", "sampler.images=9",
        "augmentation.crop=0", "augmentation.crop=40", "augmentation.flip=false",
        "augmentation.grayscale=1", "augmentation.erasing=1", "loss.triplet=null",
        "loss.identity=false", "loss.triplet=center", "loss.margin=0", "optimizer=sgd",
        "optimizer=scratch",
        "optimizer.lr=0", "optimizer.lr=1e5", "optimizer.backbone_scale=0", "schedule=paper",
        "optimizer.weight_decay=1000", "schedule=constant", "schedule=cosine", "schedule.warmup=9",
        "train.steps=1", "train.steps=null", "train.eval_every=0", "train.eval_every=7",
        "train.save_every=1", "train.save_every_steps=1", "train.on_nan=skip", "device=gpu",
        "train.monitor=feat/mINP", "train.eval_start=true", "dataset.trial=2", "dataset.trial=10",
        "dataset.direction=i2v", "seed=1", "device.mode=pynative", "data.broken=skip",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


def test_a_run_on_random_settings_ends_well_or_in_one_line(
    folder: Path, tiny_regdb: Path, request: pytest.FixtureRequest
) -> None:
    examples = 40 if request.config.getoption("--long") else 2

    @hypothesis.settings(
        max_examples=examples, deadline=None, derandomize=True, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(st.lists(SMALL, min_size=2, max_size=5))
    def attempt(given: list[str]) -> None:
        run = folder / str(len(list(folder.iterdir())))
        process = killing.start(run, tiny_regdb, "train.epochs=1", *given)
        out, err = process.communicate(timeout=600)
        if process.returncode == 0:
            assert (run / "result.json").exists()
        else:
            (line,) = err.strip().splitlines()
            assert process.returncode == 2, (given, out, err)
            assert line.startswith("error: ")

    attempt()
