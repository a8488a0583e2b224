"""Foreign weights in, as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from mindspore import Tensor
from recorded import load_rule
from safetensors.numpy import save_file
from typed import TINY, evaluate, parse, read_result, type_in

from ddag import jobs
from ddag.data.images import read_image
from ddag.data.normalising import normalise
from ddag.evaluation.extractor import FeatureStream
from ddag.machine.errors import InputError
from ddag.methods import open_method
from ddag.settings.choices import Modality
from ddag.training.parts import build_learner
from ddag.weights import filling


@pytest.mark.slow
def test_the_authors_checkpoint_ranks_images_on_disk_by_the_networks_features(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    method = open_method(parse("dataset=regdb", "model=ddag_paper"))
    learner = build_learner(method, 206)
    shapes = {n: v.shape for n, v in filling.original_state(learner, method.names).items()}
    rule = load_rule()
    state = {name: rule.tensor(name, shape, 0) for name, shape in shapes.items()}
    save_file(state, tmp_path / "original.safetensors")
    ours = tmp_path / "ours.ckpt"
    place = ["dataset=regdb", f"dataset.root={tiny_regdb}", "data.test_batch=8"]
    source = f"job.source={tmp_path / 'original.safetensors'}"
    type_in(tmp_path, "job=import_weights", source, f"job.target={ours}", *place)
    output = tmp_path / "features.npz"
    type_in(tmp_path, "job=extract", f"checkpoint={ours}", f"job.output={output}")
    filling.fill(learner, state, "reference", names=method.names, for_training=False)
    with np.load(output) as arrays:
        for name, modality in (("query", Modality.visible), ("gallery", Modality.infrared)):
            path = str(arrays[f"{name}_paths"][0])
            pixels = read_image(path, height=288, width=144)[None]
            features = FeatureStream(learner.network, modality)(Tensor(normalise(pixels)))
            for feature, expected in zip(("feat", "feat_att"), features):
                extracted = arrays[f"{name}_{feature}"][0]
                np.testing.assert_allclose(extracted, expected.asnumpy()[0], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_training_starts_from_pretrained_weights(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.trial=2", *TINY]
    still = ["optimizer.lr=0", "train.epochs=1", "train.eval_start=true"]
    type_in(tmp_path, *words, *still, f"model.pretrained={trained}")
    (tmp_path / "evaluated").mkdir()
    evaluate(tmp_path / "evaluated", trained)
    assert read_result(tmp_path)["untrained"] == read_result(tmp_path / "evaluated")["metrics"]


def test_a_whole_network_is_imported_for_the_data_set_that_is_said(
    tmp_path: Path, untrained: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    drawn = untrained(tmp_path)
    words = ["job=import_weights", f"job.source={drawn}", f"job.target={tmp_path / 'ours.ckpt'}"]
    with pytest.raises(InputError, match="whole network, but not for which data set and"):
        jobs.run(parse(*words), tmp_path, words)
    assert not (tmp_path / "ours.ckpt").exists()
    words += ["dataset=regdb", *TINY]
    with caplog.at_level("INFO"):
        jobs.run(parse(*words), tmp_path, words)
    assert "recorded for dataset=regdb, images of 64 x 32 pixels" in caplog.text
