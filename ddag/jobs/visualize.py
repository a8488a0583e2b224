"""The job visualize: images of what a checkpoint does on its data set, and a page of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ddag.drawing import attention, features, ranks
from ddag.drawing.figure import to_pixels, to_png
from ddag.drawing.page import Section, to_html
from ddag.evaluation.evaluator import Evaluation
from ddag.evaluation.extractor import Observer
from ddag.evaluation.metrics import summary
from ddag.evaluation.ranking import Comparison, evenly
from ddag.machine.bar import bar
from ddag.machine.files import replacing, write_text
from ddag.machine.words import counted
from ddag.runs.result import in_words
from ddag.settings.choices import Modality
from ddag.settings.settings import Settings
from ddag.training import checkpoint, parts
from ddag.training.restore import Restored, restore

log = logging.getLogger(__name__)

PAGE = "index.html"
PAGE_TITLE = "What a network sees"
RANK_LISTS = 12  # queries
PEOPLE_SEEN = 6  # in activation maps, an image of each in each modality
PEOPLE_ON_MAP = 20
IMAGES_ON_MAP = 600
IMAGES_ATTENDED = 256  # of each modality, whose attention between parts is averaged


def run(settings: Settings, folder: Path, given: Sequence[str]) -> float:
    """Write PNG files and a page of them into the run folder.

    Args:
        settings: name the checkpoint and the device.
        folder: the run folder.
        given: overrides of the command line, which go before the checkpoint's settings.

    Raises:
        InputError: the checkpoint or its data set does not work.
    """
    parts.configure_device(settings)
    stored = restore(settings, given, folder)
    test_set = stored.dataset.read_test()
    evaluator = parts.build_evaluator(
        stored.method, stored.learner.network, stored.dataset, test_set
    )
    with bar("extracting", evaluator.image_count([0])) as advance:
        evaluation = evaluator.evaluate(trials=[0], advance=advance)
    sections = list(_sections(stored, evaluation.first))
    _write(folder, to_html(PAGE_TITLE, _facts(stored, evaluation), sections), sections)
    log.info("Wrote %s", folder / PAGE)
    return 0.0


def _write(folder: Path, page: str, sections: Sequence[Section]) -> None:
    for section in sections:
        if section.png is None:
            log.info("Left out, %s: %s", section.title, section.text)
            continue
        with replacing(folder / f"{section.name}.png") as draft:
            draft.write_bytes(section.png)
    write_text(folder / PAGE, page)


def _facts(stored: Restored, evaluation: Evaluation) -> dict[str, str]:
    """What the images must be read with."""
    protocol = {**stored.dataset.describe(), **evaluation.first.size()}
    described = stored.described
    dead = described.progress.get("dead", {})
    return {
        "checkpoint": str(stored.path),
        "SHA-256": checkpoint.sha256(stored.path),
        "trained": f"{counted(described.epoch, 'epoch')}, {counted(described.step, 'step')}",
        "data set, first gallery": in_words(protocol),
        "scores": summary(evaluation.mean),
        "drawn": f"{datetime.now():%Y-%m-%d %H:%M}",
        **{f"⚠ {branch}": warning for branch, warning in dead.items()},
    }


def _sections(stored: Restored, compared: Comparison) -> Iterator[Section]:
    """The parts of the page, in order."""
    feature = stored.method.features[-1]
    observer = parts.build_observer(stored.method, stored.learner.network)
    yield _rank_lists(compared, feature)
    yield _activation(compared, observer)
    yield _parts(compared, observer)
    yield Section(
        "distances",
        "Distances",
        "Distances between query and gallery. The less the two overlap, the better a gallery is"
        " ranked.",
        _png(features.draw_distances(compared)),
    )
    yield _map(compared, feature, stored.settings.seed)


def _rank_lists(compared: Comparison, feature: str) -> Section:
    queries = compared.spread_queries(RANK_LISTS)
    lists = [ranks.rank_list(compared, feature, row) for row in queries]
    return Section(
        "rank_lists",
        "Rank lists",
        f"Queries and the {ranks.TOP} gallery images nearest by {feature}, with the distance"
        " (1 - cosine). A green frame and ✓: the same person. A red frame and ✗: another.",
        _png(ranks.draw(lists)),
    )


def _activation(compared: Comparison, observer: Observer) -> Section:
    queries = compared.spread_queries(PEOPLE_SEEN)
    matches = [np.flatnonzero(compared.matches[row])[0] for row in queries]
    sides = [compared.query.select(queries), compared.gallery.select(np.array(matches))]
    sides.sort(key=lambda side: side.modality is Modality.infrared)
    paths = np.stack([side.paths for side in sides], axis=1).ravel()
    maps = np.stack([observer.look(side).activation for side in sides], axis=1)
    return Section(
        "activation",
        "Activation",
        "What each place of the last feature map adds to the global feature, from the least"
        " (violet) to the most (yellow) of the image. In pairs: a visible and an infrared image of"
        " a person.",
        _png(attention.draw_activation(paths.tolist(), maps.reshape(-1, *maps.shape[2:]))),
    )


def _parts(compared: Comparison, observer: Observer) -> Section:
    name, title, gate = "parts", "Attention between parts", observer.gate
    if gate is None:
        return Section(name, title, "The network has no part attention (model.part=0).")
    means = {}
    for side in (compared.query, compared.gallery):
        chosen = side.select(evenly(len(side), IMAGES_ATTENDED))
        attended = observer.look(chosen).parts
        assert attended is not None
        means[f"{side.modality.value}, mean of {len(chosen)}"] = attended.mean(axis=0)
    return Section(
        name,
        title,
        "How much each horizontal part looks at each other (rows sum to 1), and the gate: the"
        " weight of each part in feat_att. Part 1 is the top.",
        _png(attention.draw_parts(means, gate)),
    )


def _map(compared: Comparison, feature: str, seed: int) -> Section:
    sample = compared.sample(feature, people=PEOPLE_ON_MAP, images=IMAGES_ON_MAP)
    if len(sample.paths) < features.FEWEST:
        return Section("map", "Map", f"A map takes {features.FEWEST} images; there are fewer.")
    return Section(
        "map",
        "Map",
        f"t-SNE of {feature}: what lies together is alike to the network. Good features gather the"
        " images of a person, visible and infrared ones.",
        _png(features.draw_map(sample, seed=seed)),
    )


def _png(figure: Figure) -> bytes:
    return to_png(to_pixels(figure))
