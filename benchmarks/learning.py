"""What is learned: ours and plain PyTorch on the same people, by the same recipe and measure.

Both train the authors' branches on the same batches, epoch for epoch; what differs is who draws the
first weights and the dropout, and who computes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.nn import functional

from benchmarks import report
from benchmarks.plain_torch import PlainNetwork, PlainTraining
from benchmarks.report import Row
from benchmarks.settings import composed
from ddag import api
from ddag.data.images import read_images
from ddag.data.loader import in_batches
from ddag.evaluation.evaluator import Evaluator
from ddag.evaluation.extractor import Extractor
from ddag.evaluation.ranking import Features
from ddag.settings.choices import Modality
from ddag.settings.settings import Settings
from ddag.training import parts

SEEDS = (0, 1, 2)
NAMES = ("feat", "feat_att")


class PlainExtractor(Extractor):
    """Features of a PyTorch network, for the evaluator that ours has."""

    def __init__(self, network: PlainNetwork, settings: Settings) -> None:
        self._plain, self._data = network, settings.data

    def extract(
        self,
        paths: Sequence[str],
        modality: Modality,
        advance: Callable[[int], None] = lambda count: None,
    ) -> Features:
        data = self._data
        decoded = read_images(paths, height=data.height, width=data.width)
        found: list[list[np.ndarray]] = []
        self._plain.eval()
        with torch.no_grad():
            for batch in in_batches(decoded, len(paths), batch=data.test_batch):
                maps = self._plain.maps(**{modality.value: torch.from_numpy(batch)})
                features = self._plain.features(maps)
                found.append([functional.normalize(each).numpy() for each in features])
        self._plain.train()
        columns = (np.concatenate(column)[: len(paths)] for column in zip(*found))
        return dict(zip(NAMES, columns))


def plain_torch(settings: Settings) -> dict[str, float]:
    """The mAP of each feature after a run in PyTorch."""
    # Where MindSpore is imported it has OpenMP, and so PyTorch, compute on one thread.
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(settings.seed)
    built = parts.build(settings)
    chosen = built.method.model
    network = PlainNetwork(
        chosen.backbone.value, built.train_set.identity_count,
        part=chosen.part, low_dim=chosen.low_dim, heads=chosen.heads,
    )  # fmt: skip
    training, weight = PlainTraining(network), 0.0
    for epoch, rate in enumerate(built.rates):
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        batches = built.loader.epoch(epoch, batches=built.steps)
        losses = [training.step(*batch[:3], graph_weight=weight) for batch in batches]
        weight = 1 / (1 + mean(losses))
    extractor = PlainExtractor(network, settings)
    test_set = built.dataset.read_test()
    scores = Evaluator(extractor, test_set, built.dataset.protocol).evaluate().mean
    return {name: scores[name].as_dict()["mAP"] for name in NAMES}


def framework(settings: Settings, folder: Path) -> dict[str, float]:
    """The mAP of each feature after a run as ``python run.py`` does it."""
    metrics = api.train(settings, folder).metrics
    return {name: metrics[name]["mAP"] for name in NAMES}


def measure(seeds: Sequence[int] = SEEDS, *words: str) -> list[Row]:
    """What is learned in the default run with the authors' branches, ours beside plain PyTorch"""
    found: dict[str, list[dict[str, float]]] = {"framework": [], "PyTorch": []}
    with TemporaryDirectory() as name:
        root = f"dataset.root={name}/people"
        chosen = composed("model=ddag_paper", root, "logger=[]", *words).settings
        for seed in seeds:
            settings = replace(chosen, seed=seed)
            found["framework"].append(framework(settings, Path(name) / str(seed)))
            found["PyTorch"].append(plain_torch(settings))
            print(f"seed {seed}:", {side: runs[-1] for side, runs in found.items()}, flush=True)
    rows = []
    for feature in NAMES:
        means, spreads = {}, {}
        for side, runs in found.items():
            scores = [100 * run[feature] for run in runs]
            means[side], spreads[side] = mean(scores), stdev(scores)
            each = ", ".join(f"{score:.1f}" for score in scores)
            said = f"{means[side]:.2f} ± {spreads[side]:.2f} % ({each})"
            rows.append(Row(f"mAP of {feature}, {side}, seeds {', '.join(map(str, seeds))}", said))
        least = means["PyTorch"] - spreads["PyTorch"]
        title = f"mAP of {feature}, framework; target: PyTorch's less one deviation"
        rows.append(Row.at_least(title, means["framework"], least, "%"))
    return rows


if __name__ == "__main__":
    report.run("learning", measure)
