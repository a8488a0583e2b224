"""An index by a network that is a projection drawn by chance: no MindSpore computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from learners import SMALL
from typed import parse

from ddag.data.image_folder import list_images
from ddag.datasets import open_dataset
from ddag.datasets.dataset import Dataset
from ddag.evaluation import metrics
from ddag.evaluation.evaluator import Evaluator
from ddag.evaluation.extractor import Extraction, Run, Size
from ddag.gallery.index import Index
from ddag.gallery.opening import open_index
from ddag.settings.choices import Modality
from ddag.settings.settings import Settings


class Projection(Extraction):
    """Features of 16 numbers, another matrix for each modality."""

    def __init__(self) -> None:
        super().__init__(["feat", "feat_att"], Size(64, 32, 24))
        self.extracted = 0

    def runner(self, modality: Modality) -> Run:
        seed = [*Modality].index(modality)
        matrix = np.random.default_rng(seed).normal(size=(3 * 64 * 32, 16)).astype(np.float32)

        def run(images: np.ndarray) -> Sequence[np.ndarray]:
            self.extracted += len(images)
            values = (1 + images).reshape(len(images), -1) @ matrix  # blank ones fill up a batch
            unit = values / np.linalg.norm(values, axis=1, keepdims=True)
            return [unit[:, ::-1], unit]

        return run


def settings_of(root: Path) -> Settings:
    return parse("dataset=sysu", f"dataset.root={root}", *SMALL)


@pytest.fixture
def stored(tiny_sysu: Path, tmp_path: Path) -> Any:
    """What is asked of a checkpoint."""
    path = tmp_path / "best.ckpt"
    path.write_bytes(b"weights")
    method = SimpleNamespace(features=("feat", "feat_att"))
    return SimpleNamespace(path=path, method=method, settings=settings_of(tiny_sysu))


def opened(stored: Any, root: Path, extractor: Extraction, modality: Modality) -> Index:
    return open_index(stored, extractor, root, list_images(root), modality)


def test_each_gallery_and_each_modality_of_it_has_an_index_of_its_own(
    stored: Any, tiny_sysu: Path
) -> None:
    cameras = [tiny_sysu / "cam1", tiny_sysu / "cam2"]
    for root in cameras:
        for modality in Modality:
            opened(stored, root, Projection(), modality)
    assert len(list(stored.path.parent.glob("galleries/best_*/index_000001"))) == 4


def test_another_checkpoint_under_the_same_name_is_another_index(
    stored: Any, tiny_sysu: Path
) -> None:
    root, extractor = tiny_sysu / "cam1", Projection()
    opened(stored, root, extractor, Modality.visible)
    before = extractor.extracted
    opened(stored, root, extractor, Modality.visible)
    assert extractor.extracted == before + 1  # a blank one, to see how long a feature is
    stored.path.write_bytes(b"others")
    opened(stored, root, extractor, Modality.visible)
    assert extractor.extracted == 2 * before + 1


def test_images_are_searched_by_the_methods_last_feature(stored: Any, tiny_sysu: Path) -> None:
    root, extractor = tiny_sysu / "cam1", Projection()
    index = opened(stored, root, extractor, Modality.visible)
    paths = [str(root / name) for name in index.names]
    expected = extractor.extract(paths, Modality.visible)["feat_att"]
    np.testing.assert_allclose(index.features(np.arange(len(index))), expected, atol=1e-6)


def test_ranking_by_the_index_gives_the_evaluators_scores(stored: Any, tiny_sysu: Path) -> None:
    dataset: Dataset[Any] = open_dataset(stored.settings.dataset, stored.settings.data)
    test_set, extractor = dataset.read_test(), Projection()
    # The images of all cameras and people, those of the gallery among them.
    index = opened(stored, tiny_sysu, extractor, test_set.gallery.modality)
    row_of = {str(tiny_sysu / name): row for row, name in enumerate(index.names)}
    query = extractor.extract(test_set.query.paths.tolist(), test_set.query.modality)["feat_att"]
    rows, distances = index.search(query, len(index))
    by_row = np.take_along_axis(distances, rows.argsort(axis=1), axis=1)
    evaluator = Evaluator(extractor, test_set, dataset.protocol)
    for number, trial in enumerate(test_set.trials):
        gallery = test_set.gallery.select(trial)
        found = metrics.score(
            by_row[:, [row_of[path] for path in gallery.paths]],
            test_set.query.identities,
            gallery.identities,
            excluded=dataset.protocol.excluded(test_set.query, gallery),
            cmc_counts=dataset.protocol.cmc_counts,
        )
        expected = evaluator.evaluate(trials=[number]).mean["feat_att"]
        assert found.as_dict() == pytest.approx(expected.as_dict(), abs=1e-9)
