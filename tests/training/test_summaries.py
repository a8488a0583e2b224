"""What TensorBoard's own reader finds in a run's event file beside its scalars."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learners import SMALL, small
from PIL import Image
from typed import parse, read_events

from ddag.data.loader import Batch
from ddag.data.normalising import normalise
from ddag.data.records import TestSet
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.runs.tracking import Tracker
from ddag.settings.choices import Modality
from ddag.training import parts, summaries


@pytest.fixture(scope="module")
def dataset(tiny_regdb: Path) -> Dataset[Any]:
    settings = parse("dataset=regdb", f"dataset.root={tiny_regdb}", *SMALL)
    return open_dataset(settings.dataset, settings.data)


@pytest.fixture(scope="module")
def test_set(dataset: Dataset[Any]) -> TestSet:
    return dataset.read_test()


def image(events: Any, name: str) -> np.ndarray:
    (event,) = events.Images(name)
    return np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))


def test_a_batch_is_shown_as_it_looked_before_it_was_normalised(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 16, 8, 3), dtype=np.uint8)
    views = list(zip(Modality, (normalise(side) for side in pixels)))
    batch = Batch.of_views(views, np.arange(9, dtype=np.int32))
    with Tracker(tmp_path, {}) as tracker:
        summaries.show_batch(tracker.board, batch, 0)
    shown = image(read_events(tmp_path), "view/batch")
    rows = [np.concatenate(list(side[:8]), axis=1) for side in pixels]
    np.testing.assert_array_equal(shown, np.concatenate(rows))


def test_gate_and_attention_are_histograms_where_there_are_parts(
    tmp_path: Path, test_set: TestSet
) -> None:
    for part in (0, 2):
        method, learner = small("ddag", f"model.part={part}")
        observer = parts.build_observer(method, learner.network)
        sides = [side.select(np.arange(4)) for side in (test_set.query, test_set.gallery)]
        with Tracker(tmp_path / str(part), {}) as tracker:
            summaries.show_attention(tracker.board, observer, sides, 3)
    assert read_events(tmp_path / "0").Tags()["histograms"] == []
    events = read_events(tmp_path / "2")
    names = ["view/part_gate", "view/part_attention_visible", "view/part_attention_infrared"]
    assert sorted(events.Tags()["histograms"]) == sorted(names)
    for name, count in zip(names, (2, 16, 16)):
        (event,) = events.Histograms(name)
        assert event.step == 3
        assert event.histogram_value.num == count
        assert 0 <= event.histogram_value.min <= event.histogram_value.max <= 1


def test_rank_lists_and_the_projectors_files_are_of_the_best_epoch(
    tmp_path: Path, dataset: Dataset[Any], test_set: TestSet
) -> None:
    method, learner = small("ddag")
    evaluator = parts.build_evaluator(method, learner.network, dataset, test_set)
    compared = evaluator.evaluate().first
    for _ in range(2):  # a run that is resumed in its folder replaces what it left there
        with Tracker(tmp_path, {}) as tracker:
            summaries.show_rankings(tracker.board, compared, "feat_att", 5)
    (config,) = tmp_path.glob("projector_config.pbtxt")
    assert config.read_text().count("embeddings {") == 1
    folder = tmp_path / "00005" / "feat_att"
    rows = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    assert rows[0] == ["identity", "camera", "modality"]
    assert {row[2] for row in rows[1:]} == {"visible", "infrared"}
    vectors = np.loadtxt(folder / "tensors.tsv", delimiter="\t")
    assert len(vectors) == len(rows) - 1
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2)
    with Image.open(folder / "sprite.png") as sprite:
        assert sprite.width == sprite.height
        assert sprite.width % summaries.THUMBNAIL == 0


def test_hyperparameters_are_in_the_runs_own_event_file(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    given = {"model": {"part": 3, "pretrained": None}, "optimizer": {"kind": "adam"}}
    with Tracker(tmp_path, given):
        pass
    assert len(list(tmp_path.rglob("events*"))) == 1
    contents = read_events(tmp_path).PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["model.part"].number_value == 3
    assert start.hparams["model.pretrained"].string_value == "null"
    assert start.hparams["optimizer.kind"].string_value == "adam"
    assert metadata.SESSION_END_INFO_TAG in contents


def test_a_run_that_fails_is_not_marked_as_ended(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    with pytest.raises(KeyError), Tracker(tmp_path, {"seed": 0}):
        raise KeyError
    assert metadata.SESSION_END_INFO_TAG not in read_events(tmp_path).PluginTagToContent("hparams")


def test_losses_by_step_outlive_a_resumption_and_none_is_there_twice(tmp_path: Path) -> None:
    with Tracker(tmp_path, {}) as tracker:
        for step in range(1, 6):
            tracker.log_step(step, float(step))
        tracker.log(1, {"train/loss": 3.0})
    for file in tmp_path.rglob("events*"):  # named after the second that they began in
        file.rename(file.with_name("events.out.tfevents.1000000000.before"))
    # Killed after step 5; its last checkpoint was of step 3, in epoch 2.
    with Tracker(tmp_path, {}, first=2, step=4) as tracker:
        for step in (4, 5, 6):
            tracker.log_step(step, 10.0 * step)
    points = read_events(tmp_path / "steps").Scalars("train/loss_by_step")
    assert [(each.step, each.value) for each in points] == [
        (1, 1), (2, 2), (3, 3), (4, 40), (5, 50), (6, 60),
    ]  # fmt: skip
    (kept,) = read_events(tmp_path).Scalars("train/loss")
    assert kept.value == 3


def test_tensorboard_opens_on_what_is_measured(tmp_path: Path, test_set: TestSet) -> None:
    method, learner = small("ddag")
    observer = parts.build_observer(method, learner.network)
    with Tracker(tmp_path, {}) as tracker:
        summaries.show_attention(tracker.board, observer, [test_set.query.select(np.arange(4))], 1)
        tracker.log(1, {"train/loss": 1.0, "eval/best": 0.5})
        tracker.board.show_result(1, {"feat": {"rank1": 0.25}})
    events = read_events(tmp_path)
    found = events.Tags()
    names = sorted([*found["scalars"], *found["histograms"], *found["images"]])
    assert [name.partition("/")[0] for name in names] == ["eval", "train", "view", "view"]
    (page,) = events.Tensors("result/text_summary")
    assert b"| feat | 25.00% |" in page.tensor_proto.string_val[0]
