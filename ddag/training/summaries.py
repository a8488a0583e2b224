"""What a run shows in TensorBoard beside its scalars: images, histograms, embeddings.

TensorBoard sorts by name: all begins with ``view``, which comes after ``eval`` and ``train``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddag.data.loader import Batch
from ddag.data.normalising import denormalise
from ddag.data.records import Records, TestSet
from ddag.drawing import ranks
from ddag.drawing.figure import thumbnails, to_pixels
from ddag.evaluation.extractor import Observer
from ddag.evaluation.ranking import Comparison, evenly
from ddag.machine.bar import bar
from ddag.runs.loggers.tensorboard import TensorBoard

PAIRS = 8  # of a batch
OBSERVED = 32  # images of the query, and of the gallery
RANK_LISTS = 6  # queries
PEOPLE_EMBEDDED, IMAGES_EMBEDDED = 20, 300
THUMBNAIL = 48  # pixels of a side


def show_batch(board: TensorBoard, batch: Batch, epoch: int) -> None:
    """The first pairs of an augmented batch: visible images above, infrared ones below."""
    sides = (batch.visible, batch.infrared)
    pairs = min(PAIRS, *map(len, sides))  # a method may ask for more views of one than of the other
    rows = [np.concatenate(list(denormalise(images[:pairs])), axis=1) for images in sides]
    board.show_image("view/batch", np.concatenate(rows), epoch)


def observed(test_set: TestSet) -> tuple[Records, Records]:
    """The images of query and gallery whose attention is followed through a run."""
    query, gallery = (
        side.select(evenly(len(side), OBSERVED)) for side in (test_set.query, test_set.gallery)
    )
    return query, gallery


def show_attention(
    board: TensorBoard, observer: Observer, records: Sequence[Records], epoch: int
) -> None:
    """Histograms of IWPA's gate, and of the attention between parts in given images.

    Args:
        board: of the run.
        observer: of the network.
        records: a few images of each modality.
        epoch: finished epochs.
    """
    gate = observer.gate
    if gate is None:
        return
    board.show_histogram("view/part_gate", gate, epoch)
    with bar("reading attention", len(records)) as advance:
        for each in records:
            parts = observer.look(each).parts
            assert parts is not None
            board.show_histogram(f"view/part_attention_{each.modality.value}", parts, epoch)
            advance()


def show_rankings(board: TensorBoard, compared: Comparison, feature: str, epoch: int) -> None:
    """Rank lists of a few queries by one feature, and what the projector shows of it."""
    rows = compared.spread_queries(RANK_LISTS)
    with bar("drawing rank lists and embedding", 2) as advance:
        lists = [ranks.rank_list(compared, feature, row) for row in rows]
        board.show_image(f"view/rank_lists_{feature}", to_pixels(ranks.draw(lists)), epoch)
        advance()
        _show_embedding(board, compared, feature, epoch)


def _show_embedding(board: TensorBoard, compared: Comparison, feature: str, epoch: int) -> None:
    sample = compared.sample(feature, people=PEOPLE_EMBEDDED, images=IMAGES_EMBEDDED)
    small = thumbnails(sample.paths, height=THUMBNAIL, width=THUMBNAIL // 2)
    margin = THUMBNAIL // 4
    labels = zip(sample.identities, sample.cameras, (each.value for each in sample.modalities))
    board.show_embedding(
        feature,
        sample.features,
        list(labels),
        header=("identity", "camera", "modality"),
        # The projector takes square thumbnails only.
        thumbnails=np.pad(small, ((0, 0), (0, 0), (margin, margin), (0, 0)), constant_values=255),
        epoch=epoch,
    )
