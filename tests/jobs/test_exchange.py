"""Weights and features in and out, and evaluation's switches, as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor
from recorded import load_rule
from safetensors.numpy import save_file
from typed import TINY, only_run, type_in

from ddag.data.images import read_image
from ddag.data.loader import normalise
from ddag.model.network import DDAG, FeatureExtractor
from ddag.settings.choices import Modality
from ddag.weights import filling as weights


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_regdb: Path) -> Path:
    """The best checkpoint of a short training on the second split of RegDB's layout."""
    folder = tmp_path_factory.mktemp("exchange")
    words = [f"dataset.root={tiny_regdb}", "dataset.trial=2", *TINY, "train.epochs=1"]
    type_in(folder, "dataset=regdb", *words)
    return only_run(folder) / "checkpoints" / "best.ckpt"


def result(folder: Path) -> dict:
    return json.loads((only_run(folder) / "result.json").read_text())


def evaluate(folder: Path, checkpoint: Path, *words: str, code: int = 0):
    return type_in(folder, "job=evaluate", f"checkpoint={checkpoint}", *words, code=code)


def test_exported_weights_come_back_to_the_same_numbers(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    (tmp_path / "first").mkdir()
    evaluate(tmp_path / "first", trained)
    foreign, ours = tmp_path / "original.safetensors", tmp_path / "imported.ckpt"
    type_in(tmp_path, "job=export_weights", f"checkpoint={trained}", f"job.target={foreign}")
    place = ["dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.trial=2"]
    size = ["data.height=64", "data.width=32", "data.test_batch=8"]
    words = ["job=import_weights", f"job.source={foreign}", f"job.target={ours}", *place, *size]
    done = type_in(tmp_path, *words)
    assert "matched" in done.stdout
    (tmp_path / "second").mkdir()
    evaluate(tmp_path / "second", ours)
    assert result(tmp_path / "second")["metrics"] == result(tmp_path / "first")["metrics"]


def test_the_authors_checkpoint_ranks_images_on_disk_by_the_networks_features(
    tmp_path: Path, tiny_regdb: Path
) -> None:
    network = DDAG(206, backbone="resnet50", part=3, graph=True, low_dim=512, heads=4, height=288)
    shapes = {name: value.shape for name, value in weights.original_state(network).items()}
    rule = load_rule()
    state = {name: rule.tensor(name, shape, 0) for name, shape in shapes.items()}
    save_file(state, tmp_path / "original.safetensors")
    ours = tmp_path / "ours.ckpt"
    place = ["dataset=regdb", f"dataset.root={tiny_regdb}", "data.test_batch=8"]
    source = f"job.source={tmp_path / 'original.safetensors'}"
    type_in(tmp_path, "job=import_weights", source, f"job.target={ours}", *place)
    output = tmp_path / "features.npz"
    type_in(tmp_path, "job=extract", f"checkpoint={ours}", f"job.output={output}")
    weights.fill(network, state, "reference", for_training=False)
    with np.load(output) as arrays:
        for name, modality in (("query", Modality.visible), ("gallery", Modality.infrared)):
            path = str(arrays[f"{name}_paths"][0])
            pixels = read_image(path, height=288, width=144)[None]
            features = FeatureExtractor(network, modality)(Tensor(normalise(pixels)))
            for feature, expected in zip(("feat", "feat_att"), features):
                extracted = arrays[f"{name}_{feature}"][0]
                np.testing.assert_allclose(extracted, expected.asnumpy()[0], rtol=0, atol=1e-4)


def test_training_starts_from_pretrained_weights(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    words = ["dataset=regdb", f"dataset.root={tiny_regdb}", "dataset.trial=2", *TINY]
    still = ["optimizer.lr=0", "train.epochs=1", "train.eval_start=true"]
    type_in(tmp_path, *words, *still, f"model.pretrained={trained}")
    (tmp_path / "evaluated").mkdir()
    evaluate(tmp_path / "evaluated", trained)
    assert result(tmp_path)["untrained"] == result(tmp_path / "evaluated")["metrics"]


def test_extracted_features_are_unit_rows_in_the_protocols_order(
    trained: Path, tmp_path: Path, tiny_regdb: Path
) -> None:
    output = tmp_path / "features.npz"
    type_in(tmp_path, "job=extract", f"checkpoint={trained}", f"job.output={output}")
    with np.load(output, allow_pickle=False) as arrays:
        listed = (tiny_regdb / "idx" / "test_visible_2.txt").read_text().splitlines()
        assert len(arrays["query_paths"]) == len(listed)
        for path, identity, line in zip(arrays["query_paths"], arrays["query_identities"], listed):
            assert path == str(tiny_regdb / line.split()[0])
            assert identity == int(line.split()[1])
        for name in ("query_feat", "query_feat_att", "gallery_feat", "gallery_feat_att"):
            assert arrays[name].dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(arrays[name], axis=1), 1, rtol=1e-5)
        assert set(arrays["gallery_cameras"]) == {2}
        np.testing.assert_array_equal(arrays["trial_0"], np.arange(len(arrays["gallery_paths"])))


def test_another_split_is_refused_unless_it_is_asked_for(trained: Path, tmp_path: Path) -> None:
    done = evaluate(tmp_path, trained, "dataset.trial=3", code=2)
    (line,) = done.stderr.strip().splitlines()
    assert "trained on split 2" in line
    (tmp_path / "allowed").mkdir()
    evaluate(tmp_path / "allowed", trained, "dataset.trial=3", "job.allow_mismatch=true")
    assert result(tmp_path / "allowed")["protocol"]["trial"] == 3


def test_flip_and_reranking_change_the_numbers_and_are_named(trained: Path, tmp_path: Path) -> None:
    seen = []
    for number, switches in enumerate(((), ("job.flip=true",), ("job.rerank=true",))):
        folder = tmp_path / str(number)
        folder.mkdir()
        evaluate(folder, trained, *switches)
        seen.append(result(folder))
    maps = [each["metrics"]["feat"]["mAP"] for each in seen]
    assert len(set(maps)) == 3
    assert [each["protocol"]["flip"] for each in seen] == [False, True, False]
    assert [each["protocol"]["rerank"] for each in seen] == [False, False, True]
    for each in seen:
        assert len(each["checkpoint"]["sha256"]) == 64
        assert each["step"] == 2


def test_the_sweep_over_splits_averages_them(tmp_path: Path, tiny_regdb: Path) -> None:
    words = ["sweep=regdb_trials", "dataset=regdb", f"dataset.root={tiny_regdb}", *TINY]
    done = type_in(tmp_path, *words, "train.epochs=1", "dataset.trial=1,2")
    (sweep,) = tmp_path.glob("multirun_sweeps/regdb_trials/*")
    results = [json.loads(file.read_text()) for file in sorted(sweep.glob("*/result.json"))]
    scores = [each["metrics"]["feat"]["mAP"] for each in results]
    with (sweep / "leaderboard.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["features"] == "feat"]
    assert int(row["runs"]) == len(results) == 2
    assert float(row["mAP_mean"]) == pytest.approx(np.mean(scores), abs=1e-6)
    assert float(row["mAP_std"]) == pytest.approx(np.std(scores, ddof=1), abs=1e-6)
    assert "mean ± standard deviation" in done.stdout
