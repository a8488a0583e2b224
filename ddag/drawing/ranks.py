"""Rank lists: queries and the gallery images nearest to each, right and wrong ones framed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ddag.drawing.figure import on_sheet, thumbnails
from ddag.evaluation.ranking import Comparison, cosine_distance, nearest

TOP = 10
HEIGHT, WIDTH = 160, 80  # of a thumbnail, in pixels
FRAME = 6  # around it
CELL_HEIGHT, CELL_WIDTH = HEIGHT + 56, WIDTH + 32
GAP = 24  # between query and gallery
RIGHT, WRONG, NEUTRAL = "#1a9641", "#d7191c", "#bbbbbb"


@dataclass(frozen=True)
class RankList:
    """A query and its nearest gallery images, nearest first.

    Attributes:
        query: its path.
        title: lines below the query.
        paths: of the gallery images.
        captions: lines below each.
        right: whether each shows the query's person; None where nobody knows.
    """

    query: str
    title: str
    paths: Sequence[str]
    captions: Sequence[str]
    right: Optional[Sequence[bool]] = None


def rank_list(compared: Comparison, feature: str, row: int) -> RankList:
    """The first ranks of the query at ``row``, without what the data set's rules pass over."""
    query, gallery = compared.query, compared.gallery
    right = gallery.identities == query.identities[row]
    features = compared.query_features[feature][row], compared.gallery_features[feature]
    distance = cosine_distance(*features)
    rows = nearest(distance, right=right, excluded=compared.excluded[row])[:TOP]
    return RankList(
        query=str(query.paths[row]),
        title=f"query\nidentity {query.identities[row]}\ncamera {query.cameras[row]}",
        paths=gallery.paths[rows].tolist(),
        captions=[
            f"{'✓' if right[each] else '✗'} identity {gallery.identities[each]}\n"
            f"camera {gallery.cameras[each]}\n{distance[each]:.3f}"
            for each in rows
        ],
        right=right[rows].tolist(),
    )


def draw(lists: Sequence[RankList]) -> Figure:
    """A row of images for each list: the query, a gap, and the gallery images.

    Raises:
        InputError: an image cannot be read.
    """
    size = len(lists) * CELL_HEIGHT, (TOP + 1) * CELL_WIDTH + GAP, 3
    sheet = np.full(size, 255, np.uint8)
    captions = []
    for number, each in enumerate(lists):
        images = thumbnails([each.query, *each.paths], height=HEIGHT, width=WIDTH)
        texts = [each.title, *each.captions]
        for place, (image, text, colour) in enumerate(zip(images, texts, _colours(each))):
            top = number * CELL_HEIGHT + FRAME
            left = place * CELL_WIDTH + (GAP if place else 0) + (CELL_WIDTH - WIDTH) // 2
            _paste(sheet, image, top, left, colour)
            captions.append((left + WIDTH / 2, top + HEIGHT + FRAME, text))
    figure, axes = on_sheet(sheet)
    for x, y, text in captions:
        # A dollar sign would begin a formula.
        text = text.replace("$", r"\$")
        axes.text(x, y, text, ha="center", va="top", fontsize=7, linespacing=1.1)
    return figure


def _colours(ranked: RankList) -> list[str]:
    """Of the frames: the query's, then each gallery image's."""
    if ranked.right is None:
        return [NEUTRAL] * (1 + len(ranked.paths))
    return [NEUTRAL, *(RIGHT if right else WRONG for right in ranked.right)]


def _paste(sheet: np.ndarray, image: np.ndarray, top: int, left: int, colour: str) -> None:
    """Put an image with a frame around it, in place."""
    frame = (np.array(to_rgb(colour)) * 255).round().astype(np.uint8)
    sheet[top - FRAME : top + HEIGHT + FRAME, left - FRAME : left + WIDTH + FRAME] = frame
    sheet[top : top + HEIGHT, left : left + WIDTH] = image
