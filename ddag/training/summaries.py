"""What a run shows in TensorBoard beside its scalars: images, histograms, embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.data.loader import Batch, denormalise
from ddag.data.records import Records, TestSet
from ddag.drawing import ranks
from ddag.drawing.figure import thumbnails, to_pixels
from ddag.evaluation.extractor import Observer
from ddag.evaluation.ranking import Comparison, evenly
from ddag.runs.tracking import Tracker

PAIRS = 8  # of a batch
OBSERVED = 32  # images of the query, and of the gallery
RANK_LISTS = 6  # queries
PEOPLE_EMBEDDED, IMAGES_EMBEDDED = 20, 300
THUMBNAIL = 48  # pixels of a side


def show_batch(tracker: Tracker, batch: Batch, epoch: int) -> None:
    """The first pairs of an augmented batch: visible images above, infrared ones below."""
    sides = (batch.visible, batch.infrared)
    pairs = min(PAIRS, *map(len, sides))  # a method may ask for more views of one than of the other
    rows = [np.concatenate(list(denormalise(images[:pairs])), axis=1) for images in sides]
    tracker.show_image("input/batch", np.concatenate(rows), epoch)


def observed(test_set: TestSet) -> tuple[Records, Records]:
    """The images of query and gallery whose attention is followed through a run."""
    query, gallery = (
        side.select(evenly(len(side), OBSERVED)) for side in (test_set.query, test_set.gallery)
    )
    return query, gallery


def show_attention(
    tracker: Tracker, observer: Observer, records: Sequence[Records], epoch: int
) -> None:
    """Histograms of IWPA's gate, and of the attention between parts in given images.

    Args:
        tracker: of the run.
        observer: of the network.
        records: a few images of each modality.
        epoch: finished epochs.
    """
    gate = observer.gate
    if gate is None:
        return
    tracker.show_histogram("part/gate", gate, epoch)
    for each in records:
        parts = observer.look(each).parts
        assert parts is not None
        tracker.show_histogram(f"part/attention_{each.modality.value}", parts, epoch)


def show_rankings(tracker: Tracker, compared: Comparison, feature: str, epoch: int) -> None:
    """Rank lists of a few queries by one feature, and what the projector shows of it."""
    lists = [ranks.rank_list(compared, feature, row) for row in compared.spread_queries(RANK_LISTS)]
    tracker.show_image(f"rank_lists/{feature}", to_pixels(ranks.draw(lists)), epoch)
    _show_embedding(tracker, compared, feature, epoch)


def _show_embedding(tracker: Tracker, compared: Comparison, feature: str, epoch: int) -> None:
    sample = compared.sample(feature, people=PEOPLE_EMBEDDED, images=IMAGES_EMBEDDED)
    small = thumbnails(sample.paths, height=THUMBNAIL, width=THUMBNAIL // 2)
    margin = THUMBNAIL // 4
    labels = zip(sample.identities, sample.cameras, (each.value for each in sample.modalities))
    tracker.show_embedding(
        feature,
        sample.features,
        list(labels),
        header=("identity", "camera", "modality"),
        # The projector takes square thumbnails only.
        thumbnails=np.pad(small, ((0, 0), (0, 0), (margin, margin), (0, 0)), constant_values=255),
        epoch=epoch,
    )
